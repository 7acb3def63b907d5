//! HTTP answers, and the pages that proxies send without asking anybody.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MockResponse {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// nginx sends the same page for a refused connection and for a lost one.
pub(super) fn bad_gateway() -> MockResponse {
    nginx(502, "502 Bad Gateway", "502 Bad Gateway", "")
}

pub(super) fn not_found() -> MockResponse {
    nginx(404, "404 Not Found", "404 Not Found", "")
}

/// nginx was sent plain HTTP on a port that speaks HTTPS.
pub(super) fn https_port() -> MockResponse {
    let why = "The plain HTTP request was sent to HTTPS port";
    let line = format!("<center>{why}</center>\r\n");
    nginx(400, &format!("400 {why}"), "400 Bad Request", &line)
}

fn nginx(status: u16, title: &str, heading: &str, more: &str) -> MockResponse {
    MockResponse {
        status,
        content_type: "text/html",
        headers: vec![("server", "nginx/1.22.1".into())],
        body: format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n\
             <center><h1>{heading}</h1></center>\r\n{more}<hr><center>nginx/1.22.1</center>\r\n\
             </body>\r\n</html>\r\n"
        ),
    }
}

/// Envoy's page for a connection that the server closed before it answered.
pub(super) fn unavailable() -> MockResponse {
    MockResponse {
        status: 503,
        content_type: "text/plain",
        headers: vec![("server", "envoy".into())],
        body: "upstream connect error or disconnect/reset before headers. reset reason: \
               connection termination"
            .into(),
    }
}
