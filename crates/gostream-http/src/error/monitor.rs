//! Refusals of the metrics port, and how it says whether all is well.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::login::NoLogin;

/// Why the metrics port does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MonitorRefusal {
    /// There is nothing at that path.
    #[error("there is nothing at {0}")]
    NoRoute(String),
    /// The path exists, but not for that method.
    #[error("{0} is not possible here")]
    NoMethod(String),
    /// A webhook does not bring the key.
    #[error("the key of this webhook is not webhook_key of the settings")]
    WrongKey,
    /// Too many keys were wrong.
    #[error("{0}")]
    LockedOut(NoLogin),
    /// A webhook cannot be read.
    #[error("the webhook cannot be read: {0}")]
    Broken(String),
    /// A body is longer than so many bytes.
    #[error("the request is longer than {0} bytes")]
    TooLarge(usize),
    /// More come than can be acted upon.
    #[error("too many webhooks wait")]
    Busy,
    /// The command comes from elsewhere, and no login is set.
    #[error("without a login (web_user, web_token) only this machine may do this")]
    NotHere,
    /// A profile of another kind was asked for than there is.
    #[error("there is no profile {0}: {1}; /debug/pprof/ lists what there is")]
    NoProfile(String, &'static str),
    /// A profile was asked for from elsewhere.
    #[error("profiles are for programs on this machine alone; from another one: ssh -L")]
    OnlyHere,
    /// A profile is longer or shorter than may be.
    #[error("seconds: must be a whole number from {0} to {1}")]
    BadLength(u64, u64),
    /// Another profile is being taken.
    #[error("another profile is being taken; one at a time")]
    Profiling,
    /// It should have worked.
    #[error("{0}")]
    Failed(String),
}

impl MonitorRefusal {
    /// Whether this is the status by which a body over its limit is reported.
    pub(crate) fn is_too_large(status: StatusCode) -> bool {
        status == StatusCode::PAYLOAD_TOO_LARGE
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute(_) | Self::NoProfile(..) => StatusCode::NOT_FOUND,
            Self::NoMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::WrongKey | Self::NotHere | Self::OnlyHere => StatusCode::FORBIDDEN,
            Self::LockedOut(refused) => refused.status(),
            Self::Broken(_) | Self::BadLength(..) => StatusCode::BAD_REQUEST,
            Self::Profiling => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for MonitorRefusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({"error": self.to_string()});
        let hint = if let Self::LockedOut(refused) = &self {
            Some([refused.hint()])
        } else {
            None
        };
        (self.status(), hint, Json(body)).into_response()
    }
}

/// How a question for the server's health is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wellness {
    /// All is as it should be.
    Well,
    /// Something is not: whoever asks should not send anybody here.
    Unwell,
}

impl Wellness {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Well => StatusCode::OK,
            Self::Unwell => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
