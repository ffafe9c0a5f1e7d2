//! Refusals of the API port in the way of TorrServer.

use axum::{
    Json,
    extract::multipart::MultipartError,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::film::status_of;
use crate::{films::FilmError, settings::SettingsError, torrents::TorrentError};

const ELSEWHERE: &str = "a link in a browser adds and changes nothing here, since a page of another site may be \
    behind it; add the torrent by an app or POST /torrents, or list the page's origin in cors_origins\n";

/// Why the API port does not do what was asked. Its clients read the status alone: there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiRefusal {
    /// The request makes no sense.
    Malformed,
    /// There is no such torrent or file.
    Unknown,
    /// The body or a text in it is too long.
    TooLarge,
    /// It may be asked from this machine alone, or with the login.
    NotHere,
    /// A page of another site may be behind a link that adds something.
    Elsewhere,
    /// The link leads nowhere; who streams hears the same as when the torrent cannot be had.
    DeadLink,
    /// A bound is reached.
    Full,
    /// The torrent cannot be had.
    Failed,
    /// The bytes of a film cannot be had.
    Film(FilmError),
    /// Nothing is searched here: there is no index. A list of nothing goes with it.
    NoSearch,
}

impl From<FilmError> for ApiRefusal {
    fn from(error: FilmError) -> Self {
        Self::Film(error)
    }
}

impl ApiRefusal {
    /// Why a form cannot be read; axum's own status tells one that is too long.
    pub(crate) fn of_form(error: MultipartError) -> Self {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge
        } else {
            Self::Malformed
        }
    }
}

impl From<SettingsError> for ApiRefusal {
    fn from(error: SettingsError) -> Self {
        tracing::debug!(%error, "a change of settings by the API port is refused");
        match error {
            SettingsError::Invalid(_) => Self::Malformed,
            SettingsError::Broken(_) | SettingsError::Failed(_) => Self::Failed,
        }
    }
}

impl From<TorrentError> for ApiRefusal {
    fn from(error: TorrentError) -> Self {
        tracing::debug!(%error, "a request to the API port is refused");
        match error {
            TorrentError::BadSource(_) => Self::Malformed,
            TorrentError::NotFound | TorrentError::NoFile => Self::Unknown,
            TorrentError::Full(_) => Self::Full,
            TorrentError::TimedOut | TorrentError::Failed(_) => Self::Failed,
        }
    }
}

impl IntoResponse for ApiRefusal {
    fn into_response(self) -> Response {
        if self == Self::Elsewhere {
            // A person may see it.
            return (StatusCode::FORBIDDEN, ELSEWHERE).into_response();
        }
        let status = match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::NoSearch => return (StatusCode::BAD_REQUEST, Json([(); 0])).into_response(),
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotHere | Self::Elsewhere => StatusCode::FORBIDDEN,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
            Self::Failed | Self::DeadLink => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Film(error) => status_of(error),
        };
        status.into_response()
    }
}
