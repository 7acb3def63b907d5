use super::*;

fn monitoring(file: Option<&str>, variable: Option<&str>) -> Monitoring {
    let args = MonitorArgs {
        metrics_file: None,
        ping_url_file: file.map(Into::into),
        notify_url_file: None,
    };
    let find = |name: &str| variable.filter(|_| name == PING_VARIABLE).map(ToOwned::to_owned);
    Monitoring::new(args, &find).unwrap()
}

#[test]
fn a_disk_and_a_check_that_hang_are_waited_for_together() {
    let folder = tempfile::tempdir().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", silent.local_addr().unwrap());
    let ping = Some(Address::new(&address).unwrap());
    let notices = Notices::begin(Addresses { ping, notify: None }, 1).unwrap().unwrap();
    let monitors = Monitors {
        metrics: Some(Textfile::begin(&folder.path().join("m.prom"), None).unwrap()),
        notices: Some(Arc::new(notices)),
        ..Monitors::default()
    };
    let (writing, _hangs) = Writing::hanging();
    let (begun, patience) = (Instant::now(), Duration::from_secs(1));
    monitors.wait(Some(writing), patience);
    let took = begun.elapsed();
    assert!(took >= patience && took < 2 * patience, "{took:?}");
}

#[test]
fn a_file_beats_the_variable_and_no_error_shows_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ping");
    let path = path.to_str().unwrap();
    std::fs::write(path, "http://h/from-file\n").unwrap();
    let says = |monitoring: Monitoring| match monitoring.ping {
        None => "nobody".into(),
        Some(source) => match source.address() {
            Ok(_) => "an address".into(),
            Err(error) => error,
        },
    };
    assert_eq!(says(monitoring(None, None)), "nobody");
    assert_eq!(says(monitoring(None, Some(" "))), "nobody");
    assert_eq!(says(monitoring(Some(path), Some("s3cret"))), "an address");
    let error = says(monitoring(None, Some("s3cret")));
    assert!(error.starts_with("BK_LAUNCH_PING_URL holds no URL"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
    std::fs::write(path, "s3cret").unwrap();
    let error = says(monitoring(Some(path), None));
    assert!(error.contains(path) && !error.contains("s3cret"), "{error}");
    assert!(says(monitoring(Some("/no/such"), None)).contains("cannot read /no/such"));
    let typed = MonitorArgs {
        metrics_file: None,
        ping_url_file: None,
        notify_url_file: Some("https://h/s3cret".into()),
    };
    let Err(error) = Monitoring::new(typed, &|_| None) else { panic!("it is no file") };
    assert!(error.to_string().starts_with("--notify-url-file takes a file"));
    assert!(!error.to_string().contains("s3cret"));
}
