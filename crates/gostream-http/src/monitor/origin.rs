//! Who may give commands: somebody with the login of the web ports, or a program on this machine; never a web page of
//! somebody else's that a browser shows (CSRF), nor one whose name was pointed at us (DNS rebinding).

use axum::{
    extract::Request,
    http::{HeaderMap, header, uri::Authority},
};

use crate::{
    error::MonitorRefusal,
    web::{Client, LoggedIn},
};

/// Whether the request may change what the process does.
pub(super) fn may_command(request: &Request) -> Result<(), MonitorRefusal> {
    if !is_own_page(request.headers()) {
        return Err(MonitorRefusal::OtherPage);
    }
    let known = request.extensions().get::<LoggedIn>().is_some();
    let client = request.extensions().get::<Client>();
    let local = client.is_some_and(|client| client.0.is_loopback());
    if known || (local && names_this_machine(request.headers())) {
        Ok(())
    } else {
        Err(MonitorRefusal::NotHere)
    }
}

/// True unless a browser says that the page of another origin sent it. Programs say nothing.
fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let sent_by = text(header::HeaderName::from_static("sec-fetch-site"));
    if sent_by.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    match (headers.contains_key(header::ORIGIN), text(header::ORIGIN)) {
        (false, _) => true,
        (true, origin) => {
            let authority = origin.and_then(|origin| origin.split_once("://"));
            authority.is_some_and(|(_, authority)| text(header::HOST) == Some(authority))
        }
    }
}

/// True when the request was sent to an address or to `localhost`, and not to a name that leads here.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(Ok(authority)) = host.map(str::parse::<Authority>) else {
        return false;
    };
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use axum::body::Body;

    use super::*;

    fn asked(client: &str, known: bool, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request
            .extensions_mut()
            .insert(Client(client.parse().unwrap()));
        if known {
            request.extensions_mut().insert(LoggedIn);
        }
        may_command(&request).is_ok()
    }

    #[test]
    fn a_program_here_or_somebody_with_the_login_may_and_nobody_else() {
        let here = [("host", "127.0.0.1:8096")];
        assert!(asked("127.0.0.1", false, &here));
        assert!(asked("::1", false, &[("host", "localhost:8096")]));
        assert!(asked("::1", false, &[("host", "[::1]:8096")]));
        assert!(!asked("192.168.1.5", false, &here));
        assert!(asked("192.168.1.5", true, &[("host", "attic:8096")]));
    }

    #[test]
    fn no_page_of_another_origin_may() {
        let page = |origin, site| {
            let headers = [
                ("host", "127.0.0.1:8096"),
                ("origin", origin),
                ("sec-fetch-site", site),
            ];
            asked("127.0.0.1", true, &headers)
        };
        assert!(page("http://127.0.0.1:8096", "same-origin"));
        for (origin, site) in [
            ("http://evil.example", "cross-site"),
            ("http://127.0.0.1:8080", "same-site"),
            ("http://127.0.0.1:8080", "same-origin"),
            ("null", "none"),
        ] {
            assert!(!page(origin, site), "{origin} {site}");
        }
    }

    #[test]
    fn a_name_that_was_pointed_at_us_is_none_of_this_machine() {
        let rebound = [
            ("host", "evil.example:8096"),
            ("origin", "http://evil.example:8096"),
        ];
        assert!(!asked("127.0.0.1", false, &rebound));
    }
}
