//! What a request brings, read and checked; what cannot be read is a problem document that says why.

use axum::{
    body::Bytes,
    extract::{FromRequestParts, Path, Query, rejection::BytesRejection},
    http::{Method, Uri, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::{control::ControlError, error::RequestError};

/// The named part of a path, decoded.
pub(super) struct Part(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RequestError> {
        let part = Path::<String>::from_request_parts(parts, state).await;
        let part = part.map_err(|error| ControlError::bad_input(error.body_text()))?;
        Ok(Self(part.0))
    }
}

/// The query.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RequestError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let query = query.map_err(|error| ControlError::bad_input(error.body_text()))?;
        Ok(Self(query.0))
    }
}

/// The most that a page may have.
const PAGE_MAX: usize = 1_000;

/// What a page has where long lists come in pages only.
const PAGE_LEN: usize = 100;

/// A part of a list.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// At most so many.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
    /// Leaves out so many at the beginning.
    #[param(minimum = 0)]
    pub(super) offset: Option<usize>,
}

/// A part that can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) limit: usize,
    pub(super) offset: usize,
}

impl Page {
    /// All of it where no limit is given.
    pub(super) fn checked(self) -> Result<Checked, ControlError> {
        if self
            .limit
            .is_some_and(|limit| !(1..=PAGE_MAX).contains(&limit))
        {
            let text = format!("limit: must be between 1 and {PAGE_MAX}");
            return Err(ControlError::bad_input(text));
        }
        Ok(Checked {
            limit: self.limit.unwrap_or(usize::MAX),
            offset: self.offset.unwrap_or(0),
        })
    }
}

impl Page {
    /// A hundred where no limit is given.
    pub(super) fn short(self) -> Result<Checked, ControlError> {
        let page = self.checked()?;
        let limit = self.limit.unwrap_or(PAGE_LEN);
        Ok(Checked { limit, ..page })
    }
}

impl Checked {
    /// That part of a list.
    pub(super) fn of<T>(self, list: Vec<T>) -> Vec<T> {
        let part = list.into_iter().skip(self.offset).take(self.limit);
        part.collect()
    }
}

/// The answer to a path that leads nowhere.
pub(super) async fn no_route(uri: Uri) -> RequestError {
    RequestError::NoRoute(uri.path().to_owned())
}

/// The answer to a method that a path does not have.
pub(crate) async fn no_method(method: Method) -> RequestError {
    RequestError::NoMethod(method.to_string())
}

/// Reads a body that is JSON, whatever its media type.
pub(super) fn json<T: DeserializeOwned>(
    body: Result<Bytes, BytesRejection>,
    most: usize,
) -> Result<T, RequestError> {
    let body = body.map_err(|rejection| body_error(&rejection, most))?;
    let read = serde_json::from_slice(&body);
    read.map_err(|error| RequestError::bad_input(format!("the request is not valid: {error}")))
}

/// Why a body that may have `most` bytes was not read.
pub(super) fn body_error(rejection: &BytesRejection, most: usize) -> RequestError {
    // The length limit is the only way to fail that the sender can mend;
    // axum's enum is open, so its own status tells them apart.
    if rejection.status() == RequestError::too_large_status() {
        RequestError::TooLarge(most)
    } else {
        RequestError::BodyLost
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_a_part_of_the_list_and_never_more() {
        let page = |limit, offset| Page { limit, offset }.checked();
        let list = || vec![0, 1, 2, 3];
        assert_eq!(page(None, None).unwrap().of(list()), list());
        assert_eq!(page(Some(2), Some(1)).unwrap().of(list()), [1, 2]);
        assert_eq!(page(Some(9), Some(3)).unwrap().of(list()), [3]);
        assert!(page(None, Some(usize::MAX)).unwrap().of(list()).is_empty());
        for limit in [0, PAGE_MAX + 1] {
            assert!(page(Some(limit), None).is_err(), "{limit}");
        }
    }
}
