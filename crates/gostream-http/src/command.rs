//! Who may give commands, which are to change settings and to restart: somebody with the login of the web ports, or a
//! program on this machine. It is one rule for all ports (docs/adr/0009). Pages of other sites do not come this far.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{Extensions, HeaderMap, request::Parts},
};

use crate::{client::Client, login::LoggedIn};

/// What a proxy on this machine adds to what it passes on: then it is somebody else who asks.
const OF_PROXIES: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];

/// Whether who asks may give commands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MayCommand(pub(crate) bool);

impl MayCommand {
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let near = match extensions.get::<Client>() {
            Some(Client(client)) => {
                client.is_loopback() && !OF_PROXIES.iter().any(|name| headers.contains_key(*name))
            }
            // No port: the control socket, which only its owner may open.
            None => true,
        };
        Self(near || extensions.get::<LoggedIn>().is_some())
    }
}

impl<S: Sync> FromRequestParts<S> for MayCommand {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions, &parts.headers))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn may(client: Option<&str>, logged_in: bool, header: Option<&'static str>) -> bool {
        let mut extensions = Extensions::new();
        if let Some(client) = client {
            extensions.insert(Client(client.parse().unwrap()));
        }
        if logged_in {
            extensions.insert(LoggedIn);
        }
        let headers = header.map(|name| (name.parse().unwrap(), "10.0.0.9".parse().unwrap()));
        MayCommand::of(&extensions, &headers.into_iter().collect()).0
    }

    #[test]
    fn a_program_here_or_somebody_with_the_login_may_and_nobody_else() {
        assert!(may(Some("127.0.0.1"), false, None));
        assert!(may(Some("::1"), false, None));
        assert!(!may(Some("192.168.1.5"), false, None));
        assert!(may(Some("192.168.1.5"), true, None));
        assert!(may(None, false, None), "the control socket");
    }

    #[test]
    fn a_proxy_here_that_passes_on_is_not_somebody_here() {
        for name in OF_PROXIES {
            assert!(!may(Some("127.0.0.1"), false, Some(name)), "{name}");
            assert!(may(Some("127.0.0.1"), true, Some(name)), "{name}");
        }
    }
}
