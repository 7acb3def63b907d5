//! A wrong URL gets one request, and not the whole list with its credentials.

use crate::harness::{Server, launch, list};

const PLAIN_HTTP: &str = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port\
    </title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>The plain \
    HTTP request was sent to HTTPS port</center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\
    \r\n</html>\r\n";

#[test]
fn what_is_no_answer_of_theirs_stops_the_run_after_one_request() {
    for (status, body, outcome) in [
        ("200 OK", "<html>login", "in doubt"),
        ("200 OK", r#"{"status":"ok"}"#, "in doubt"),
        ("200 OK", "", "in doubt"),
        ("404 Not Found", "default backend - 404", "sure"),
        ("403 Forbidden", "<html>403", "sure"),
        ("405 Method Not Allowed", "", "sure"),
        ("400 Bad Request", PLAIN_HTTP, "sure"),
        ("404 Not Found", r#"{"detail":"Not Found"}"#, "sure"),
    ] {
        let server = Server::always(status, body);
        let run = launch(list(30))
            .at(&server.url)
            .with("--rate unlimited")
            .exits(3)
            .says(["the URL does not lead to bk-sops", "--esb", &server.url])
            .reports_all(30)
            .reports(30, "pending");
        assert_eq!(server.heard().len(), 1, "{status} {body}: {run}");
        let in_doubt = run.stderr().contains("may already have started");
        assert_eq!(in_doubt, outcome == "in doubt", "{status} {body}: {run}");
    }
}

#[test]
fn a_proxy_that_refuses_one_row_for_its_size_is_no_wrong_url() {
    let server = Server::always("413 Request Entity Too Large", "<html>413");
    let run = launch(list(5)).at(&server.url).with("--rate unlimited");
    run.exits(1).reports(5, "rejected");
    assert_eq!(server.heard().len(), 5);
}

#[test]
fn a_proxy_whose_server_is_gone_from_the_beginning_is_an_outage() {
    let page = "<html>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>";
    let server = Server::always("502 Bad Gateway\r\nServer: nginx/1.22.1", page);
    launch(list(40))
        .at(&server.url)
        .with("--rate unlimited --outage-patience 1s --backoff 50ms..200ms")
        .exits(3)
        .says(["was gone for 1 s", "nginx answers 502 for bk-sops"])
        .reports_all(40)
        .reports(40, "pending");
    let asked = server.heard().len();
    assert!((9..30).contains(&asked), "eight, then probes: {asked}");
}
