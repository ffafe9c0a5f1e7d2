//! Errors on the wire: RFC 9457 problem details, and the only place where an HTTP status is chosen.
//!
//! Called by the router for every failure and by the CLI's client to turn a problem back into a [`ControlError`]. Both
//! ways are exhaustive; a problem type this version does not know reads as [`ControlError::Failed`].

pub(crate) mod btsets;
pub(crate) mod documented;
mod film;
mod login;
mod monitor;
mod stranger;
mod torrserver;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::film::status_of;
pub(crate) use self::{
    monitor::{MonitorRefusal, Wellness},
    stranger::Stranger,
    torrserver::ApiRefusal,
};
use crate::{
    control::ControlError,
    films::FilmError,
    login::NoLogin,
    settings::{SettingsError, WrongSetting},
    torrents::TorrentError,
};

/// A problem document (RFC 9457 §3), media type `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// URI that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words.
    pub title: String,
    /// What happened this time, for the user.
    pub detail: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The settings that are wrong, where it is about such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<WrongSetting>,
}

const BAD_INPUT: &str = "urn:gostream:problem:bad-input";
const NOT_FOUND: &str = "urn:gostream:problem:not-found";
const CONFLICT: &str = "urn:gostream:problem:conflict";
const TIMED_OUT: &str = "urn:gostream:problem:timed-out";
const FAILED: &str = "urn:gostream:problem:failed";
const TOO_LARGE: &str = "urn:gostream:problem:too-large";
const TOO_SLOW: &str = "urn:gostream:problem:too-slow";
const CROWDED: &str = "urn:gostream:problem:crowded";
const FULL: &str = "urn:gostream:problem:full";
const NOT_HERE: &str = "urn:gostream:problem:not-here";
const FOREIGN: &str = "urn:gostream:problem:foreign";
const METHOD: &str = "urn:gostream:problem:method-not-allowed";

/// A failure of a request: by the library, or by HTTP itself.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// The library refused or failed.
    Library(ControlError),
    /// A torrent cannot be had.
    Torrent(TorrentError),
    /// The request lacks the login.
    NoLogin(NoLogin),
    /// It is a command from elsewhere, and no login is set.
    NotHere,
    /// A page of another site asks.
    Foreign(Stranger),
    /// Settings were refused, or not written.
    Settings(SettingsError),
    /// The body is longer than so many bytes.
    TooLarge(usize),
    /// The body broke off.
    BodyLost,
    /// The body came too slowly.
    TooSlow,
    /// As many do that as may at a time.
    Crowded,
    /// There is nothing at that path.
    NoRoute(String),
    /// The path exists, but not for that method.
    NoMethod(String),
}

impl RequestError {
    /// The status by which axum reports a body over its limit.
    pub(crate) fn too_large_status() -> StatusCode {
        StatusCode::PAYLOAD_TOO_LARGE
    }

    /// A part of the request cannot be.
    pub(crate) fn bad_input(detail: impl Into<String>) -> Self {
        Self::Library(ControlError::bad_input(detail))
    }
}

impl From<TorrentError> for RequestError {
    fn from(error: TorrentError) -> Self {
        Self::Torrent(error)
    }
}

impl From<ControlError> for RequestError {
    fn from(error: ControlError) -> Self {
        Self::Library(error)
    }
}

impl From<NoLogin> for RequestError {
    fn from(refused: NoLogin) -> Self {
        Self::NoLogin(refused)
    }
}

impl From<SettingsError> for RequestError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<&ControlError> for Problem {
    fn from(error: &ControlError) -> Self {
        let (kind, title, status) = match error {
            ControlError::BadInput { .. } => (BAD_INPUT, "Bad input", StatusCode::BAD_REQUEST),
            ControlError::NotFound { .. } => (NOT_FOUND, "Not found", StatusCode::NOT_FOUND),
            ControlError::Conflict { .. } => (CONFLICT, "In the way", StatusCode::CONFLICT),
            ControlError::TimedOut { .. } => (TIMED_OUT, "Timed out", StatusCode::GATEWAY_TIMEOUT),
            ControlError::Failed { .. } => (FAILED, "Failed", StatusCode::INTERNAL_SERVER_ERROR),
        };
        Self::new(kind, title, error.to_string(), status)
    }
}

impl From<Problem> for ControlError {
    fn from(problem: Problem) -> Self {
        let detail = problem.detail;
        match problem.kind.as_str() {
            BAD_INPUT | TOO_LARGE => Self::BadInput { detail },
            NOT_FOUND => Self::NotFound { detail },
            CONFLICT => Self::Conflict { detail },
            TIMED_OUT => Self::TimedOut { detail },
            _ => Self::Failed { detail },
        }
    }
}

impl Problem {
    fn new(kind: &str, title: &str, detail: String, status: StatusCode) -> Self {
        Self {
            kind: kind.to_owned(),
            title: title.to_owned(),
            detail,
            status: status.as_u16(),
            errors: Vec::new(),
        }
    }
}

impl From<&SettingsError> for Problem {
    fn from(error: &SettingsError) -> Self {
        let detail = error.to_string();
        match error {
            SettingsError::Invalid(wrong) => Self {
                errors: wrong.clone(),
                ..Self::new(BAD_INPUT, "Bad input", detail, StatusCode::BAD_REQUEST)
            },
            SettingsError::Broken(_) => {
                Self::new(CONFLICT, "In the way", detail, StatusCode::CONFLICT)
            }
            SettingsError::Failed(_) => {
                Self::new(FAILED, "Failed", detail, StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

impl From<&NoLogin> for Problem {
    fn from(refused: &NoLogin) -> Self {
        let (kind, title) = match refused {
            NoLogin::Missing => ("urn:gostream:problem:login", "Login needed"),
            NoLogin::LockedOut(_) => ("urn:gostream:problem:locked-out", "Locked out"),
        };
        Self::new(kind, title, refused.to_string(), refused.status())
    }
}

impl From<&TorrentError> for Problem {
    fn from(error: &TorrentError) -> Self {
        let (kind, title, status) = match error {
            TorrentError::BadSource(_) => (BAD_INPUT, "Bad input", StatusCode::BAD_REQUEST),
            TorrentError::NotFound | TorrentError::NoFile => {
                (NOT_FOUND, "Not found", StatusCode::NOT_FOUND)
            }
            TorrentError::Full(_) => (FULL, "Full", StatusCode::INSUFFICIENT_STORAGE),
            TorrentError::TimedOut => (TIMED_OUT, "Timed out", StatusCode::GATEWAY_TIMEOUT),
            TorrentError::Failed(_) => (FAILED, "Failed", StatusCode::INTERNAL_SERVER_ERROR),
        };
        Self::new(kind, title, error.to_string(), status)
    }
}

impl From<&RequestError> for Problem {
    fn from(error: &RequestError) -> Self {
        match error {
            RequestError::Torrent(error) => error.into(),
            RequestError::NoLogin(refused) => refused.into(),
            RequestError::NotHere => Self::new(
                NOT_HERE,
                "Not from here",
                MonitorRefusal::NotHere.to_string(),
                StatusCode::FORBIDDEN,
            ),
            RequestError::Foreign(stranger) => Self::new(
                FOREIGN,
                "Foreign page",
                stranger.to_string(),
                StatusCode::FORBIDDEN,
            ),
            RequestError::Library(error) => error.into(),
            RequestError::Settings(error) => error.into(),
            RequestError::TooLarge(most) => Self::new(
                TOO_LARGE,
                "Too large",
                format!("the request is longer than {most} bytes"),
                StatusCode::PAYLOAD_TOO_LARGE,
            ),
            RequestError::BodyLost => Self::new(
                BAD_INPUT,
                "Bad input",
                "the request broke off".to_owned(),
                StatusCode::BAD_REQUEST,
            ),
            RequestError::TooSlow => Self::new(
                TOO_SLOW,
                "Too slow",
                TOO_SLOW_TEXT.to_owned(),
                StatusCode::REQUEST_TIMEOUT,
            ),
            RequestError::Crowded => Self::new(
                CROWDED,
                "Crowded",
                "as many clients listen as may at a time".to_owned(),
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            RequestError::NoRoute(path) => Self::new(
                NOT_FOUND,
                "Not found",
                format!("there is nothing at {path}"),
                StatusCode::NOT_FOUND,
            ),
            RequestError::NoMethod(method) => Self::new(
                METHOD,
                "Method not allowed",
                format!("{method} is not possible here"),
                StatusCode::METHOD_NOT_ALLOWED,
            ),
        }
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let problem = Problem::from(&self);
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = [(header::CONTENT_TYPE, PROBLEM_TYPE)];
        let hint = if let Self::NoLogin(refused) = &self {
            Some([refused.hint()])
        } else {
            None
        };
        (status, hint, kind, Json(problem)).into_response()
    }
}

const TOO_SLOW_TEXT: &str = "the request came too slowly";

/// The media type of a problem document.
const PROBLEM_TYPE: &str = "application/problem+json";

/// The answer to what was done and has nothing to tell.
pub(crate) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// How a GET or HEAD of a file ends, where nothing fails (RFC 9110 §15).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// All of it.
    Whole,
    /// Some of it.
    Part,
    /// The client has it.
    NotModified,
    /// It is not what the client thinks.
    PreconditionFailed,
    /// None of what is asked for is in it.
    Unsatisfiable,
}

impl From<Outcome> for StatusCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Whole => Self::OK,
            Outcome::Part => Self::PARTIAL_CONTENT,
            Outcome::NotModified => Self::NOT_MODIFIED,
            Outcome::PreconditionFailed => Self::PRECONDITION_FAILED,
            Outcome::Unsatisfiable => Self::RANGE_NOT_SATISFIABLE,
        }
    }
}

/// Why a port that serves files does not do what was asked. Its text is plain: who asks is a player.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// The bytes of a film cannot be had.
    Film(FilmError),
    /// The name lacks what makes it a folder; this is the right one.
    Moved(String),
    /// The port does not do that; these methods it does.
    NoMethod(&'static str),
    /// WebDAV lists a folder at a time; the body says so.
    WholeTree(&'static str),
    /// The request lacks the login.
    NoLogin(NoLogin),
    /// The client's address is not served, or no longer.
    NotServed,
    /// A list of the user's names the client, or leaves it out.
    Banned,
    /// A page of another site asks.
    Stranger(Stranger),
    /// The body is longer than any may be.
    TooLarge,
    /// The body came too slowly.
    TooSlow,
    /// There are as many connections as may be.
    Crowded,
}

/// In how many seconds a client may try again for which there was no connection.
const CROWDED_SECONDS: u64 = 5;

impl From<FilmError> for Refusal {
    fn from(error: FilmError) -> Self {
        Self::Film(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Film(error) => (status_of(error), format!("{error}\n")).into_response(),
            Self::Moved(to) => {
                (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response()
            }
            Self::NoMethod(allowed) => {
                (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allowed)]).into_response()
            }
            Self::WholeTree(xml) => {
                let kind = [(header::CONTENT_TYPE, "application/xml; charset=utf-8")];
                (StatusCode::FORBIDDEN, kind, xml).into_response()
            }
            Self::NotServed => StatusCode::FORBIDDEN.into_response(),
            // What clients of TorrServer know from it.
            Self::Banned => (StatusCode::IM_A_TEAPOT, "Banned").into_response(),
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Self::TooSlow => {
                (StatusCode::REQUEST_TIMEOUT, format!("{TOO_SLOW_TEXT}\n")).into_response()
            }
            Self::Crowded => {
                let again = [(header::RETRY_AFTER, CROWDED_SECONDS.to_string())];
                let text = "there are as many connections as may be\n";
                (StatusCode::SERVICE_UNAVAILABLE, again, text).into_response()
            }
            Self::Stranger(why) => (StatusCode::FORBIDDEN, format!("{why}\n")).into_response(),
            Self::NoLogin(refused) => (refused.status(), [refused.hint()]).into_response(),
        }
    }
}
