//! Which web pages may ask something of the web ports: our own, and those of the setting `cors_origins`.
//!
//! A browser in the home network runs pages of anybody, and sends what they ask (CSRF). It says whose page asks, so
//! another's is refused; without `cors_origins` no page of another site can read an answer either (CORS). Pictures, films,
//! frames and links of another's page are let through, since they only look, and marked, so that no GET adds anything for
//! them ([`Elsewhere`]). A page can
//! also point a name of its own at this machine, and is then our own page to the browser (DNS rebinding): where no
//! login is set, which such a page lacks, only names are answered that nobody can register.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::{AllowMethods, AllowOrigin, AllowPrivateNetwork, CorsLayer};

use crate::{
    access::{Access, LiveAccess},
    error::{Refusal, RequestError, Stranger},
};

/// Which headers pages of `cors_origins` may send, as clients of TorrServer expect it.
const HEADERS: [HeaderName; 6] = [
    header::ORIGIN,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    HeaderName::from_static("x-requested-with"),
    header::ACCEPT,
    header::AUTHORIZATION,
];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Domains that nobody can register: of mDNS, of routers, RFC 8375, and what ICANN keeps for private use.
const HOME_DOMAINS: [&str; 5] = [".local", ".lan", ".home.arpa", ".internal", ".localhost"];

/// Among the extensions of a request that a page of another site may have had a browser send, by a picture, a film, a
/// frame or a link: it may look, and add or change nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elsewhere;

/// The middleware, before that of the login: a browser sends no login with a preflight.
pub(crate) async fn check(
    State(access): State<LiveAccess>,
    mut request: Request,
    next: Next,
) -> Response {
    let access = access.now();
    if let Err(stranger) = admit(&access, &request) {
        return if request.uri().path().starts_with("/api/") {
            RequestError::Foreign(stranger).into_response()
        } else {
            Refusal::Stranger(stranger).into_response()
        };
    }
    if may_be_elsewhere(&access, request.headers()) {
        request.extensions_mut().insert(Elsewhere);
    }
    // WebDAV has a use of its own for OPTIONS.
    let asks_itself = request.method() != Method::OPTIONS || is_preflight(&request);
    if access.cors_origins.is_empty() || !asks_itself {
        return next.run(request).await;
    }
    let origins = access.cors_origins.clone();
    let listed = AllowOrigin::predicate(move |origin, _| {
        let origin = origin.to_str();
        origin.is_ok_and(|origin| origins.iter().any(|listed| listed.covers(origin)))
    });
    let cors = CorsLayer::new()
        .allow_origin(listed)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(HEADERS)
        .allow_private_network(AllowPrivateNetwork::yes());
    let Ok(answer) = cors.layer(next).oneshot(request).await;
    answer
}

fn admit(access: &Access, request: &Request) -> Result<(), Stranger> {
    let headers = request.headers();
    if !access.asks_login() && !is_named_as_at_home(access, headers) {
        return Err(Stranger::Name);
    }
    if is_preflight(request) || is_known_page(access, request) {
        Ok(())
    } else {
        Err(Stranger::Page)
    }
}

/// A browser's question whether a page may ask: by itself it does nothing.
fn is_preflight(request: &Request) -> bool {
    let asks_for = header::ACCESS_CONTROL_REQUEST_METHOD;
    request.method() == Method::OPTIONS && request.headers().contains_key(asks_for)
}

/// True unless a browser says that another's page asks. Programs say nothing.
fn is_known_page(access: &Access, request: &Request) -> bool {
    let headers = request.headers();
    if let Some(origin) = headers.get(header::ORIGIN) {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let listed = access.cors_origins.iter();
        return is_own(origin, headers) || listed.into_iter().any(|listed| listed.covers(origin));
    }
    // Links and pictures of other pages lead here without an origin, and only read.
    let reads = matches!(
        request.method().as_str(),
        "GET" | "HEAD" | "OPTIONS" | "PROPFIND"
    );
    let sent_by = text(headers, &SEC_FETCH_SITE);
    reads || !matches!(sent_by, Some("cross-site" | "same-site"))
}

/// Whether another's page may be behind a request that only looks. A browser tells of it by `Sec-Fetch-Site`, to secure
/// addresses and to this machine alone; or by `Referer`, unless the page forbids it. One that tells nothing is taken for
/// such a page's; a player or an app, which is no browser, is not.
fn may_be_elsewhere(access: &Access, headers: &HeaderMap) -> bool {
    let listed = |origin: &str| {
        access
            .cors_origins
            .iter()
            .any(|listed| listed.covers(origin))
    };
    let is_known = |origin: &str| is_own(origin, headers) || listed(origin);
    // `*` lists even those that do not say who they are.
    if listed("") {
        return false;
    }
    if let Some(origin) = text(headers, &header::ORIGIN) {
        return !is_known(origin);
    }
    let page = text(headers, &header::REFERER).map(origin_of);
    match text(headers, &SEC_FETCH_SITE) {
        Some("same-origin" | "none") => false,
        Some(_) => !page.is_some_and(is_known),
        None => page.map_or_else(|| is_browser(headers), |page| !is_known(page)),
    }
}

/// The origin of an address: scheme, host and port.
fn origin_of(address: &str) -> &str {
    let host = address.find("://").map_or(0, |scheme| scheme + 3);
    let rest = address[host..].find(['/', '?', '#']);
    rest.map_or(address, |len| &address[..host + len])
}

/// Players and apps call themselves otherwise, or do not ask for a language.
fn is_browser(headers: &HeaderMap) -> bool {
    let agent = text(headers, &header::USER_AGENT).unwrap_or_default();
    agent.starts_with("Mozilla/") && headers.contains_key(header::ACCEPT_LANGUAGE)
}

/// Whether the page came from where it asks.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let page = origin.split_once("://").map(|(_, authority)| authority);
    let host = text(headers, &header::HOST);
    page.zip(host)
        .is_some_and(|(page, host)| page.eq_ignore_ascii_case(host))
}

/// Whether the request was sent to an address, or to a name that only the home network or this machine gave us. A
/// browser always says.
fn is_named_as_at_home(access: &Access, headers: &HeaderMap) -> bool {
    if !headers.contains_key(header::HOST) {
        return true;
    }
    let authority = text(headers, &header::HOST).map(str::parse::<Authority>);
    let Some(Ok(authority)) = authority else {
        return false;
    };
    let bare = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let name = bare.trim_end_matches('.').to_ascii_lowercase();
    bare.parse::<IpAddr>().is_ok()
        || !name.contains('.')
        || HOME_DOMAINS.iter().any(|domain| name.ends_with(domain))
        || access
            .cors_origins
            .iter()
            .any(|listed| listed.is_at(&authority))
        || rustix::system::uname()
            .nodename()
            .to_bytes()
            .eq_ignore_ascii_case(name.as_bytes())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod browsers;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::access::Login;

    fn asked(access: &Access, method: &str, headers: &[(&str, &str)]) -> Result<(), Stranger> {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        admit(access, &request.body(Body::empty()).unwrap())
    }

    #[test]
    fn pages_of_other_sites_are_told_by_their_origin() {
        let page = |origin| {
            let headers = [("host", "tv:8090"), ("origin", origin)];
            asked(&Access::nobody(), "GET", &headers)
        };
        assert_eq!(page("http://tv:8090"), Ok(()));
        for other in [
            "http://tv",
            "http://evil.example",
            "null",
            "tv:8090",
            "http://tv:8096",
        ] {
            assert_eq!(page(other), Err(Stranger::Page), "{other}");
        }
    }

    #[test]
    fn what_changes_something_is_refused_to_other_sites_that_send_no_origin() {
        let sent = |method, site| {
            let headers = [("host", "tv:8090"), ("sec-fetch-site", site)];
            asked(&Access::nobody(), method, &headers)
        };
        for own in ["same-origin", "none"] {
            assert_eq!(sent("POST", own), Ok(()));
        }
        for other in ["cross-site", "same-site"] {
            assert_eq!(sent("POST", other), Err(Stranger::Page));
            assert_eq!(sent("GET", other), Ok(()));
        }
        assert_eq!(asked(&Access::nobody(), "POST", &[("host", "tv")]), Ok(()));
    }

    #[test]
    fn pages_that_are_listed_may_ask_and_are_home_names() {
        let access = Access {
            cors_origins: vec!["https://Lampa.example".parse().unwrap()],
            ..Access::nobody()
        };
        let page = |origin| asked(&access, "POST", &[("host", "tv"), ("origin", origin)]);
        assert_eq!(page("https://lampa.example"), Ok(()));
        assert_eq!(page("http://lampa.example"), Err(Stranger::Page));
        assert_eq!(asked(&access, "GET", &[("host", "lampa.example")]), Ok(()));
        assert_eq!(
            asked(&access, "GET", &[("host", "x.example")]),
            Err(Stranger::Name)
        );
    }

    #[test]
    fn only_names_that_nobody_can_register_are_answered_without_a_login() {
        let named = |access: &Access, host| asked(access, "GET", &[("host", host)]);
        let node = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        for home in [
            "192.168.1.5:8090",
            "[::1]:8090",
            "localhost",
            "tv:8090",
            "tv.local",
            "TV.LAN:8090",
            "tv.home.arpa.",
            &node,
        ] {
            assert_eq!(named(&Access::nobody(), home), Ok(()), "{home}");
        }
        let login = Access {
            login: Login {
                token: "secret".to_owned(),
                ..Login::default()
            },
            ..Access::nobody()
        };
        for other in [
            "evil.example",
            "evil.example:8090",
            "local.evil.example",
            "1.2.3.4.evil.example",
        ] {
            assert_eq!(
                named(&Access::nobody(), other),
                Err(Stranger::Name),
                "{other}"
            );
            assert_eq!(named(&login, other), Ok(()), "{other}");
        }
        assert_eq!(named(&Access::nobody(), "a b.c"), Err(Stranger::Name));
        assert_eq!(asked(&Access::nobody(), "GET", &[]), Ok(()));
    }
}
