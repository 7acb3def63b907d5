use super::*;

fn read(named: NamedSecrets, variables: &[(&str, &str)]) -> Result<Credentials, String> {
    let find = |name: &str| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let origin = Origin::find(named, &find).map_err(|error| error.to_string())?;
    origin.read().map_err(|error| error.to_string())
}

const NONE: NamedSecrets = NamedSecrets { app_secret: None, token: None };

fn of_file(path: impl Into<PathBuf>) -> Option<NamedSecret> {
    NamedSecret::of(Some(path.into()), None, "--token-cmd")
}

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
    let written = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    written("bk_app_secret", "from-systemd\n");
    written("bk_token", "token-from-systemd");
    let directory = ("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap());
    let code = ("BK_APP_CODE", "app");
    assert_eq!(shown(read(NONE, &[code, directory])), "app from-systemd token-from-systemd");
    let variables = [code, directory, ("BK_APP_SECRET", "from-variable")];
    assert_eq!(shown(read(NONE, &variables)), "app from-variable token-from-systemd");
    let both = NamedSecrets {
        app_secret: of_file(written("a", "from-file\r\n")),
        token: of_file(written("b", "token-from-file\n")),
    };
    assert_eq!(shown(read(both, &variables)), "app from-file token-from-file");
}

#[test]
fn a_command_stands_where_a_file_would() {
    let printed = |text| {
        let command = format!("printf {text}").parse().unwrap();
        NamedSecret::of(None, Some(command), "--token-cmd")
    };
    let named = || NamedSecrets { app_secret: printed("printed"), token: printed("token") };
    let variables = [("BK_APP_CODE", "app"), ("BK_APP_SECRET", "s"), ("BK_TOKEN", "t")];
    assert_eq!(shown(read(named(), &variables)), "app printed token");
    let failing = NamedSecret::of(None, Some("false".parse().unwrap()), "--token-cmd");
    let failing = NamedSecrets { token: failing, ..NamedSecrets::default() };
    let error = shown(read(failing, &variables));
    assert_eq!(error, "--token-cmd: false ended with exit status 1");
    for (app_secret, token, rereading) in [
        (None, None, Rereading::Never),
        (None, of_file("f"), Rereading::Files),
        (of_file("f"), printed("x"), Rereading::Commands),
        (printed("x"), of_file("f"), Rereading::Commands),
    ] {
        let find = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let origin = Origin::find(NamedSecrets { app_secret, token }, &find);
        assert_eq!(origin.ok().unwrap().rereading(), rereading);
    }
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
    let none = shown(read(NONE, &[]));
    let named = ["credentials are missing: the app code", "BK_APP_SECRET", "BK_TOKEN"];
    assert!(named.iter().all(|part| none.contains(part)), "{none}");
    for (missing, part) in [(0, "BK_APP_CODE"), (1, "BK_APP_SECRET"), (2, "BK_TOKEN")] {
        let variables: Vec<_> =
            all.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, v)| *v).collect();
        assert!(shown(read(NONE, &variables)).contains(part));
    }
    let gone = NamedSecrets { app_secret: of_file("/no/such"), token: None };
    assert!(shown(read(gone, &all)).contains("/no/such"));
}

#[test]
fn a_file_holds_one_line_of_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let variables = [("BK_APP_CODE", "app"), ("BK_TOKEN", "t")];
    let long = vec![b's'; 64 * 1024 + 1];
    for (content, told) in [
        (&b"s3cret"[..], "app s3cret t"),
        (b" s3 cret \r\n", "app  s3 cret  t"),
        (b"s3cret\n\n", "app s3cret t"),
        (&long[1..], "app sss"),
        (b"\n", "holds nothing; it should hold a token or an app secret, and nothing else"),
        (b"", "holds nothing"),
        (b"s3cret\nother\n", "holds more than one line; it should hold"),
        (b"s3cret\rother", "holds more than one line"),
        (b"s3\0cret\n", "holds a NUL byte"),
        (b"s3\x1b[Acret\n", "holds a control character"),
        (b"s3\tcret", "holds a control character"),
        (b"s3cret\xff", "holds what is no text (UTF-8)"),
        (&long, "holds more than 64 KiB"),
    ] {
        std::fs::write(&path, content).unwrap();
        let named = NamedSecrets { app_secret: of_file(&path), token: None };
        let said = shown(read(named, &variables));
        if told.starts_with("app ") {
            assert!(said.starts_with(told), "{content:?}: {said:.99}");
        } else {
            let told = format!("the file {} {told}", path.display());
            assert!(said.starts_with(&told) && !said.contains("s3"), "{content:?}: {said}");
        }
    }
}
