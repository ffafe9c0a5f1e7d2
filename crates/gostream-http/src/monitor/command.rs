//! Who may give commands: somebody with the login of the web ports, or a program on this machine. Pages of other sites do
//! not come this far.

use axum::extract::Request;

use crate::{
    error::MonitorRefusal,
    web::{Client, LoggedIn},
};

/// Whether the request may change what the process does.
pub(super) fn may_command(request: &Request) -> Result<(), MonitorRefusal> {
    let known = request.extensions().get::<LoggedIn>().is_some();
    let client = request.extensions().get::<Client>();
    if known || client.is_some_and(|client| client.0.is_loopback()) {
        Ok(())
    } else {
        Err(MonitorRefusal::NotHere)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use axum::body::Body;

    use super::*;

    fn asked(client: &str, known: bool) -> bool {
        let mut request = Request::new(Body::empty());
        let extensions = request.extensions_mut();
        extensions.insert(Client(client.parse().unwrap()));
        if known {
            extensions.insert(LoggedIn);
        }
        may_command(&request).is_ok()
    }

    #[test]
    fn a_program_here_or_somebody_with_the_login_may_and_nobody_else() {
        assert!(asked("127.0.0.1", false));
        assert!(asked("::1", false));
        assert!(!asked("192.168.1.5", false));
        assert!(asked("192.168.1.5", true));
    }
}
