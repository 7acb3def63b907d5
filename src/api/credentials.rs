//! Credentials: an app with its secret, and a user.
//!
//! Nothing here may print a secret; see [`Secret`].

use crate::domain::secret::{Mask, Secret};

/// An app, and the user in whose name it starts tasks.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `bk_app_code`
    pub app_code: String,
    /// `bk_app_secret`
    pub app_secret: Secret,
    /// In whose name tasks are started.
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
    /// Returns the same app and user, with `***` for what must not be seen.
    #[must_use]
    pub fn masked(&self) -> Self {
        let user = match &self.user {
            User::Token(_) => User::Token(Secret::new("***")),
            User::Name(name) => User::Name(name.clone()),
        };
        Self { app_code: self.app_code.clone(), app_secret: Secret::new("***"), user }
    }

    /// Returns the credentials by the servers' names.
    pub(super) fn pairs(&self) -> [(&'static str, &str); 3] {
        let user = match &self.user {
            User::Token(token) => ("bk_token", token.expose()),
            User::Name(name) => ("bk_username", name.as_str()),
        };
        [("bk_app_code", &self.app_code), ("bk_app_secret", self.app_secret.expose()), user]
    }

    /// Returns the credentials as members of a JSON object, without its braces.
    pub(super) fn members(&self) -> String {
        self.pairs().map(|(key, value)| format!("\"{key}\":{}", json(value))).join(",")
    }

    /// Returns what removes the secrets from a server's words: some servers quote the request.
    pub(super) fn mask(&self) -> Mask {
        let token = match &self.user {
            User::Token(token) => Some(token),
            User::Name(_) => None,
        };
        Mask::new(std::iter::once(&self.app_secret).chain(token))
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
        let mask = credentials(User::Token(Secret::new("t0ken"))).mask();
        assert_eq!(mask.hide("got s3cret and t0ken"), "got *** and ***");
        let mask = credentials(User::Name("admin".into())).mask();
        assert_eq!(mask.hide("got s3cret and admin"), "got *** and admin");
    }
}
