//! What browsers and players send, as they send it: which of it is refused, and which of it may only look.

use axum::http::{HeaderName, HeaderValue};

use super::*;

const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";

/// Whatever asks: its method, what it says that it takes, and what `Sec-Fetch-Mode` and `-Dest` are.
type Asks = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const CHROME_PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,\
    */*;q=0.8,application/signed-exchange;v=b3;q=0.7";
const FIREFOX_PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const FIREFOX_VIDEO: &str =
    "video/webm,video/ogg,video/*;q=0.9,application/ogg;q=0.7,audio/*;q=0.6,*/*;q=0.5";

/// What a page may have a browser get without a script that reads the answer.
const GETS: [Asks; 9] = [
    (
        CHROME,
        "GET",
        "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "no-cors",
        "image",
    ),
    (CHROME, "GET", "*/*", "no-cors", "video"),
    (CHROME, "GET", CHROME_PAGE, "navigate", "iframe"),
    // A link, a form with the method GET, or location.href.
    (CHROME, "GET", CHROME_PAGE, "navigate", "document"),
    (CHROME, "GET", "*/*", "no-cors", "empty"),
    (
        FIREFOX,
        "GET",
        "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
        "no-cors",
        "image",
    ),
    (FIREFOX, "GET", FIREFOX_VIDEO, "no-cors", "video"),
    (FIREFOX, "GET", FIREFOX_PAGE, "navigate", "iframe"),
    (FIREFOX, "GET", FIREFOX_PAGE, "navigate", "document"),
];

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Refused,
    Looks,
    Trusted,
}

fn verdict(access: &Access, method: &str, headers: &[(&str, &str)]) -> Verdict {
    let mut request = Request::new(axum::body::Body::empty());
    *request.method_mut() = method.parse().unwrap();
    let given = request.headers_mut();
    given.insert(header::HOST, HeaderValue::from_static("192.168.1.5:8090"));
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        given.insert(name, value.parse().unwrap());
    }
    if admit(access, &request).is_err() {
        Verdict::Refused
    } else if may_be_elsewhere(access, request.headers()) {
        Verdict::Looks
    } else {
        Verdict::Trusted
    }
}

/// What a browser sends in any case.
fn sent<'a>(asks: &Asks, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let (agent, _, accept, ..) = *asks;
    let mut headers = vec![
        ("user-agent", agent),
        ("accept", accept),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
    ];
    headers.extend_from_slice(more);
    headers
}

/// To this machine and over TLS browsers say more than to another address of the network.
fn with_fetch<'a>(
    asks: &Asks,
    site: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let (.., mode, dest) = *asks;
    let mut headers = sent(asks, more);
    headers.extend([
        ("sec-fetch-site", site),
        ("sec-fetch-mode", mode),
        ("sec-fetch-dest", dest),
    ]);
    headers
}

fn lampa() -> Access {
    Access {
        cors_origins: vec!["http://lampa.example".parse().unwrap()],
        ..Access::nobody()
    }
}

#[test]
fn what_another_page_has_a_browser_get_may_only_look() {
    let evil = ("referer", "http://evil.example/");
    for asks in &GETS {
        for site in ["cross-site", "same-site"] {
            for referer in [&[][..], &[evil]] {
                let headers = with_fetch(asks, site, referer);
                let found = verdict(&lampa(), asks.1, &headers);
                assert_eq!(found, Verdict::Looks, "{headers:?}");
            }
        }
        // To a plain address of the network nothing is said of the site, and the page may keep itself quiet.
        for referer in [&[][..], &[evil]] {
            let headers = sent(asks, referer);
            let found = verdict(&lampa(), asks.1, &headers);
            assert_eq!(found, Verdict::Looks, "{headers:?}");
        }
    }
}

#[test]
fn our_own_pages_typed_addresses_and_listed_pages_are_trusted() {
    let own = ("referer", "http://192.168.1.5:8090/api/v1/docs/");
    let listed = ("referer", "http://lampa.example/");
    for asks in &GETS {
        let everybody = Access {
            cors_origins: vec!["*".parse().unwrap()],
            ..Access::nobody()
        };
        for (access, headers) in [
            (lampa(), with_fetch(asks, "same-origin", &[own])),
            (lampa(), with_fetch(asks, "none", &[])),
            (lampa(), with_fetch(asks, "cross-site", &[listed])),
            (lampa(), sent(asks, &[own])),
            (lampa(), sent(asks, &[listed])),
            (everybody, with_fetch(asks, "cross-site", &[])),
        ] {
            let found = verdict(&access, asks.1, &headers);
            assert_eq!(found, Verdict::Trusted, "{headers:?}");
        }
    }
}

#[test]
fn forms_and_scripts_of_another_page_are_refused() {
    for agent in [CHROME, FIREFOX] {
        let form: Asks = (agent, "POST", CHROME_PAGE, "navigate", "document");
        let script: Asks = (agent, "GET", "*/*", "cors", "empty");
        let change: Asks = (agent, "PATCH", "*/*", "cors", "empty");
        for asks in [form, script, change] {
            // A sandboxed frame, or a page that keeps itself quiet, has the origin null.
            for origin in ["http://evil.example", "null"] {
                let origin = ("origin", origin);
                for headers in [
                    with_fetch(&asks, "cross-site", &[origin]),
                    sent(&asks, &[origin]),
                ] {
                    let found = verdict(&lampa(), asks.1, &headers);
                    assert_eq!(found, Verdict::Refused, "{headers:?}");
                }
            }
        }
    }
}

#[test]
fn players_and_apps_are_no_pages() {
    for headers in [
        &[
            ("user-agent", "VLC/3.0.21 LibVLC/3.0.21"),
            ("range", "bytes=0-"),
            ("accept-language", "de_DE"),
        ][..],
        &[
            ("user-agent", "Lavf/61.7.100"),
            ("accept", "*/*"),
            ("icy-metadata", "1"),
        ],
        &[(
            "user-agent",
            "Kodi/21.1 (Linux; Android 12.0) Android/12.0.0 App_Bitness/32",
        )],
        // Add-ons give themselves out for browsers.
        &[("user-agent", CHROME), ("range", "bytes=0-")],
        &[
            ("user-agent", "Dalvik/2.1.0 (Linux; U; Android 12; TV)"),
            ("accept-encoding", "identity"),
        ],
        &[
            (
                "user-agent",
                "AppleCoreMedia/1.0.0.22J580 (Apple TV; U; CPU OS 18_1 like Mac OS X; en_us)",
            ),
            ("accept-language", "en-us"),
        ],
        &[("user-agent", "okhttp/4.12.0")],
        &[("user-agent", "python-requests/2.32.3")],
        &[],
    ] {
        for method in ["GET", "POST"] {
            let found = verdict(&Access::nobody(), method, headers);
            assert_eq!(found, Verdict::Trusted, "{headers:?}");
        }
    }
}

#[test]
fn a_referer_counts_by_its_origin_alone() {
    for (address, origin) in [
        ("http://a.example/b?c=http://d", "http://a.example"),
        ("http://a.example", "http://a.example"),
        ("https://a.example:8443?x", "https://a.example:8443"),
        ("nonsense", "nonsense"),
        ("", ""),
    ] {
        assert_eq!(origin_of(address), origin);
    }
    let disguised = ("referer", "http://evil.example/http://lampa.example/");
    let headers = sent(&GETS[0], &[disguised]);
    assert_eq!(verdict(&lampa(), "GET", &headers), Verdict::Looks);
}
