use super::*;

fn read(files: Files, variables: &[(&str, &str)]) -> Result<Credentials, String> {
    let find = |name: &str| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let origin = Origin::find(files, &find).map_err(|error| error.to_string())?;
    origin.read().map_err(|error| error.to_string())
}

const NONE: Files = Files { app_secret: None, token: None };

fn shown(credentials: Result<Credentials, String>) -> String {
    credentials.map_or_else(
        |error| error,
        |found| {
            let user = match &found.user {
                User::Token(token) => token.expose().to_owned(),
                User::Name(name) => format!("user {name}"),
            };
            format!("{} {} {user}", found.app_code, found.app_secret.expose())
        },
    )
}

#[test]
fn a_file_beats_a_variable_and_a_variable_beats_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    file("bk_app_secret", "from-systemd\n");
    file("bk_token", "token-from-systemd");
    let directory = ("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap());
    let code = ("BK_APP_CODE", "app");
    assert_eq!(shown(read(NONE, &[code, directory])), "app from-systemd token-from-systemd");
    let variables = [code, directory, ("BK_APP_SECRET", "from-variable")];
    assert_eq!(shown(read(NONE, &variables)), "app from-variable token-from-systemd");
    let named = Files {
        app_secret: Some(file("a", "from-file\r\n")),
        token: Some(file("b", "token-from-file\n")),
    };
    assert_eq!(shown(read(named, &variables)), "app from-file token-from-file");
}

#[test]
fn the_older_names_of_the_sdk_are_read_too() {
    for (code, secret) in [("BKPAAS_APP_ID", "BKPAAS_APP_SECRET"), ("APP_CODE", "SECRET_KEY")] {
        let variables = [(code, "old"), (secret, "older"), ("BK_USERNAME", "me")];
        assert_eq!(shown(read(NONE, &variables)), "old older user me");
    }
}

#[test]
fn what_is_missing_is_named() {
    let all = [("BK_APP_CODE", "a"), ("BK_APP_SECRET", "s"), ("BK_TOKEN", "t")];
    for (missing, part) in [(0, "BK_APP_CODE"), (1, "BK_APP_SECRET"), (2, "BK_TOKEN")] {
        let variables: Vec<_> =
            all.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, v)| *v).collect();
        assert!(shown(read(NONE, &variables)).contains(part));
    }
    let gone = Files { app_secret: Some("/no/such".into()), token: None };
    assert!(shown(read(gone, &all)).contains("/no/such"));
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let empty = Files { app_secret: Some(empty), token: None };
    assert!(shown(read(empty, &all)).contains("is empty"));
}
