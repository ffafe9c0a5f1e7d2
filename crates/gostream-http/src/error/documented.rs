//! What the API's document says of the problems of a request, in groups that its routes name.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, response},
};

use super::{Done, PROBLEM_TYPE, Problem};

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

/// Makes the groups.
macro_rules! documented_problems {
    ($($(#[$doc:meta])* $name:ident { $($status:ident: $text:literal,)+ })+) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<response::Response>> {
                    documented([$((StatusCode::$status, $text)),+])
                }
            }
        )+
    };
}

documented_problems! {
    /// Those that any request may have.
    AnyRequest {
        UNAUTHORIZED: "The login is missing or wrong.",
        FORBIDDEN: "A page of another site asks, or somebody else who may not.",
        TOO_MANY_REQUESTS: "Too many wrong logins came from this address.",
        INTERNAL_SERVER_ERROR: "The server failed; the text says at what.",
    }
    /// Those of a request that names something.
    Sought {
        BAD_REQUEST: "A part of the request cannot be.",
        NOT_FOUND: "There is no such thing.",
    }
    /// Those of a request for a part of a list.
    Paged {
        BAD_REQUEST: "A part of the request cannot be.",
    }
    /// Those of a request with a body.
    WithBody {
        BAD_REQUEST: "A part of the request cannot be.",
        REQUEST_TIMEOUT: "The body came too slowly.",
        PAYLOAD_TOO_LARGE: "The body is too long.",
    }
    /// Those of a request that takes a place for long.
    Crowded {
        SERVICE_UNAVAILABLE: "All places are taken.",
    }
    /// Those of a request that needs room.
    Full {
        INSUFFICIENT_STORAGE: "A bound is reached.",
    }
    /// Those of a request that something else may be in the way of.
    Blocked {
        CONFLICT: "Something else is in the way.",
    }
    /// Those of a request that waits for others.
    Slow {
        CONFLICT: "Something else is in the way.",
        GATEWAY_TIMEOUT: "It took too long.",
    }
}

impl IntoResponses for Done {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        let done = ResponseBuilder::new().description("It is done.").build();
        BTreeMap::from([(StatusCode::NO_CONTENT.as_u16().to_string(), done.into())])
    }
}
