//! Why the bytes of a film cannot be had, as a status.

use axum::http::StatusCode;

use crate::films::FilmError;

pub(super) const fn status_of(error: FilmError) -> StatusCode {
    match error {
        FilmError::NotFound => StatusCode::NOT_FOUND,
        FilmError::IsFolder => StatusCode::CONFLICT,
        FilmError::Busy | FilmError::Unavailable | FilmError::ShuttingDown => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        FilmError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        FilmError::Io => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
