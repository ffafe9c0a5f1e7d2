//! What a client hears that lacks the login.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use crate::login::NoLogin;

/// What is asked of a client without the login. Without quotes around the realm, as TorrServer's clients expect it.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=Authorization Required");

impl NoLogin {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::UNAUTHORIZED,
            Self::LockedOut(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The header that says what to do.
    pub(super) fn hint(self) -> (HeaderName, HeaderValue) {
        match self {
            Self::Missing => (header::WWW_AUTHENTICATE, CHALLENGE),
            Self::LockedOut(time) => {
                let whole = time.saturating_add(Duration::from_millis(999));
                (header::RETRY_AFTER, whole.as_secs().into())
            }
        }
    }
}
