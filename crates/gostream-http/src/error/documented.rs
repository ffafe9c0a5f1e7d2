//! What the API's document says of the problems of a request, in groups that its routes name.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, response},
};

use super::{PROBLEM_TYPE, Problem};

/// What the API's document says of the problems of a request.
fn documented<const N: usize>(
    problems: [(StatusCode, &str); N],
) -> BTreeMap<String, RefOr<response::Response>> {
    let schema = Ref::from_schema_name(Problem::name());
    let problems = problems.map(|(status, description)| {
        let content = ContentBuilder::new().schema(Some(schema.clone())).build();
        let response = ResponseBuilder::new()
            .description(description)
            .content(PROBLEM_TYPE, content);
        (status.as_u16().to_string(), response.build().into())
    });
    problems.into()
}

/// The problems that any request may have.
pub(crate) struct AnyRequest;

impl IntoResponses for AnyRequest {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        documented([(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The server failed; the text says at what.",
        )])
    }
}

/// Those of a request that names something.
pub(crate) struct Sought;

impl IntoResponses for Sought {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        documented([
            (StatusCode::BAD_REQUEST, "A part of the request cannot be."),
            (StatusCode::NOT_FOUND, "There is no such thing."),
        ])
    }
}

/// Those of a request with a body.
pub(crate) struct WithBody;

impl IntoResponses for WithBody {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        documented([
            (StatusCode::BAD_REQUEST, "A part of the request cannot be."),
            (StatusCode::PAYLOAD_TOO_LARGE, "The body is too long."),
        ])
    }
}

/// Those of a request that takes a place for long.
pub(crate) struct Crowded;

impl IntoResponses for Crowded {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        documented([(StatusCode::SERVICE_UNAVAILABLE, "All places are taken.")])
    }
}

/// Those of a request that something else may be in the way of.
pub(crate) struct Blocked;

impl IntoResponses for Blocked {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        documented([(StatusCode::CONFLICT, "Something else is in the way.")])
    }
}

/// Those of a request that waits for others.
pub(crate) struct Slow;

impl IntoResponses for Slow {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        documented([
            (StatusCode::CONFLICT, "Something else is in the way."),
            (StatusCode::GATEWAY_TIMEOUT, "It took too long."),
        ])
    }
}
