use super::*;
use proptest::prelude::*;

fn hide(secrets: &[&str], text: &str) -> String {
    let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(secret)).collect();
    Mask::new(&secrets).hide(text).into_owned()
}

#[test]
fn a_secret_is_hidden_wherever_it_stands() {
    assert_eq!(hide(&["s3cret"], "a s3cret, s3cret"), "a ***, ***");
    assert_eq!(hide(&["s3cret", "t0ken"], "s3crett0ken"), "******");
    assert_eq!(hide(&["s3cret", "s3cret-too"], "s3cret-too"), "***");
    assert_eq!(hide(&[" s3cret "], "=s3cret="), "=***=");
    for secret in ["", "n", "not", "    "] {
        assert_eq!(hide(&[secret], "nothing, \\n & %"), "nothing, \\n & %");
    }
}

#[test]
fn what_is_no_secret_is_left_as_it_is() {
    let secrets = ["a\"b\\c<d>", "100% & more"];
    for text in [
        "a\"b\\c<d",
        "\\u00",
        "\\u",
        "\\",
        "%",
        "%2",
        "%25",
        "%25%",
        "%C3",
        "%C3%",
        "%zz",
        "&",
        "&#",
        "&#x;",
        "&lt",
        "&#99999999999;",
        "\\ud83d",
        "\\ud83d\\u0041",
        "\\u0026",
        "\\u0026lt;",
        "中%中\\中&中;",
        "http://h/?a=1&b=%20",
    ] {
        assert_eq!(hide(&secrets, text), text);
    }
}

#[test]
fn characters_are_read_in_each_way_to_write_them() {
    for (secret, written) in [
        ("a\"b\\", r#"a\"b\\"#),
        ("a\"b\\", r"a\u0022b\u005c"),
        ("a\"b\\", r"a\u0022b\u005C"),
        ("x</y>", r"x\u003c\/y\u003e"),
        ("x\t\u{8}y", r"x\t\by"),
        ("😀中ü!", r"\ud83d\ude00\u4e2d\u00fc!"),
        ("😀中ü!", "%F0%9F%98%80%e4%b8%ad%C3%bc%21"),
        ("a b+c", "a+b%2Bc"),
        ("a b+c", "a%20b%2bc"),
        ("100%", "100%25"),
        ("100%", "100%2525"),
        ("<a&b>", "&lt;a&amp;b&gt;"),
        ("<a&b>", "&#60;a&#x26;b&#0062;"),
        ("'a\"\"", "&#39;a&quot;&#34;"),
        ("'a\"\"", "&#x27;a&#x22;&quot;"),
        ("<a&b>", r"\u0026lt;a\u0026amp;b\u0026gt;"),
        ("<a&b>", "&amp;lt;a&amp;amp;b&amp;gt;"),
        // As JSON, and that as JSON, in a URL, or on a page.
        ("a\"b\\c", r#"a\\\"b\\\\c"#),
        ("a\"b\\c", "a%5C%22b%5C%5Cc"),
        ("a\"b\\c", r"a\&quot;b\\c"),
        ("a<b>c", r"a%5Cu003cb%5cu003ec"),
    ] {
        assert_eq!(hide(&[secret], &format!("<{written}>")), "<***>", "{secret} as {written}");
    }
}

/// Text between the quotes as Python's `json.dumps`, Go's encoder or PHP's writes it.
fn json(text: &str, is_escaped: impl Fn(char) -> bool, upper: bool, slash: &str) -> String {
    let one = |character: char| match character {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".into(),
        '\n' => "\\n".into(),
        '/' => slash.into(),
        c if is_escaped(c) => {
            let units = c.encode_utf16(&mut [0; 2]).to_vec().into_iter();
            let hex =
                |unit| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            units.map(hex).collect()
        }
        c => c.into(),
    };
    text.chars().map(one).collect()
}

fn percent(text: &str, safe: &str, upper: bool, blank: &str) -> String {
    let one = |character: char| match character {
        ' ' => blank.to_owned(),
        c if c.is_ascii_alphanumeric() || safe.contains(c) => c.into(),
        c => {
            let hex = |byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
            c.encode_utf8(&mut [0; 4]).bytes().map(hex).collect::<Vec<_>>().concat()
        }
    };
    text.chars().map(one).collect()
}

fn html(text: &str, quotes: [&str; 2]) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', quotes[0]).replace('\'', quotes[1])
}

fn forms(secret: &str) -> Vec<String> {
    let python = json(secret, |c| !c.is_ascii(), false, "/");
    let go = json(secret, |c| matches!(c, '<' | '>' | '&'), false, "/");
    let named = html(secret, ["&quot;", "&#x27;"]);
    vec![
        secret.to_owned(),
        json(secret, |_| false, false, "/"),
        json(secret, |c| !c.is_ascii() || "<>&'".contains(c), true, "\\/"),
        percent(secret, "", true, "%20"),
        percent(secret, "", false, "%20"),
        percent(secret, "/-_.~", true, "%20"),
        percent(secret, "*-._", true, "+"),
        percent(secret, "-_.!~*'()", false, "+"),
        html(secret, ["&#34;", "&#39;"]),
        html(secret, ["&quot;", "&#039;"]),
        html(&python, ["&quot;", "&#39;"]),
        json(&named, |c| matches!(c, '<' | '>' | '&'), false, "/"),
        json(&python, |_| false, false, "/"),
        percent(&go, "", true, "+"),
        html(&named, ["&quot;", "&#x27;"]),
        python,
        go,
        named,
    ]
}

proptest! {
    #[test]
    fn every_form_of_a_secret_is_gone(
        secret in r#"[a-z0-9"'\\<>&/ %+=ü中😀]{4,20}"#,
        before in "[ -~中]{0,12}",
        after in "[ -~中]{0,12}",
    ) {
        let secret = secret.trim();
        prop_assume!(secret.len() >= MIN_LENGTH);
        for form in forms(secret) {
            let hidden = hide(&[secret], &format!("{before}{form}{after}"));
            prop_assert!(!hidden.contains(&form), "{} in {}", form, hidden);
            prop_assert!(hidden.contains(HIDDEN), "{}", hidden);
            let alone = hide(&[secret], &format!("({form})"));
            prop_assert_eq!(alone, "(***)", "{}", form);
        }
    }

    #[test]
    fn nothing_else_is_hidden(text in r#"[a-z"'\\<>&/ %+=;#u0-9ü中😀]{0,60}"#) {
        // The secret has a letter that no text has, in any encoding.
        prop_assert_eq!(hide(&["abcdZefgh"], &text), text);
    }
}
