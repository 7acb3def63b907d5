//! Who calls: an app with its secret, and a user.
//!
//! Nothing here may print a secret; see [`Secret`].

use crate::answer::Reply;
use crate::secret::Secret;

/// An app, and the user in whose name it starts tasks.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `bk_app_code`
    pub app_code: String,
    /// `bk_app_secret`
    pub app_secret: Secret,
    /// The user.
    pub user: User,
}

/// The user in whose name tasks are started.
#[derive(Clone, PartialEq, Eq)]
pub enum User {
    /// `bk_token`, from a login.
    Token(Secret),
    /// `bk_username`, which only apps with a special right may send.
    Name(String),
}

impl Credentials {
    /// The same app and user, with `***` for what must not be seen.
    #[must_use]
    pub fn masked(&self) -> Self {
        let user = match &self.user {
            User::Token(_) => User::Token(Secret::new("***")),
            User::Name(name) => User::Name(name.clone()),
        };
        Self { app_code: self.app_code.clone(), app_secret: Secret::new("***"), user }
    }

    /// The credentials by the servers' names.
    pub(super) fn pairs(&self) -> [(&'static str, &str); 3] {
        let user = match &self.user {
            User::Token(token) => ("bk_token", token.expose()),
            User::Name(name) => ("bk_username", name.as_str()),
        };
        [("bk_app_code", &self.app_code), ("bk_app_secret", self.app_secret.expose()), user]
    }

    /// The credentials as members of a JSON object, without its braces.
    pub(super) fn members(&self) -> String {
        self.pairs().map(|(key, value)| format!("\"{key}\":{}", json(value))).join(",")
    }

    /// Takes the secrets out of what a server said: some quote the request.
    pub(super) fn mask(&self, reply: &mut Reply) {
        for text in reply.texts() {
            let masked = self.app_secret.mask(std::mem::take(text).into());
            *text = match &self.user {
                User::Token(token) => token.mask(masked).into(),
                User::Name(_) => masked.into(),
            };
        }
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: User) -> Credentials {
        Credentials { app_code: "app\"1".into(), app_secret: Secret::new("s3cret"), user }
    }

    #[test]
    fn members_are_json() {
        assert_eq!(
            credentials(User::Token(Secret::new("t"))).members(),
            r#""bk_app_code":"app\"1","bk_app_secret":"s3cret","bk_token":"t""#
        );
        assert!(credentials(User::Name("admin".into())).members().ends_with(r#""admin""#));
    }

    #[test]
    fn what_a_server_quotes_is_masked() {
        let mut reply = Reply { message: "got s3cret and t0ken".into(), ..Reply::default() };
        credentials(User::Token(Secret::new("t0ken"))).mask(&mut reply);
        assert_eq!(&*reply.message, "got *** and ***");
    }
}
