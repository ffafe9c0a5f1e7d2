//! The viewer of the document, `/api/v1/docs/`: Swagger UI out of the binary.
//!
//! A browser is told to load nothing from anywhere else, and the viewer not to ask its makers whether the document is
//! valid.

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Scripts and styles are files of ours; icons are in the styles, and the viewer sets styles by itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; frame-ancestors 'none'",
);

pub(super) fn routes(document: &'static str) -> Router {
    let config = Config::new([document]).validator_url("none");
    let viewer = Router::from(SwaggerUi::new("/api/v1/docs").config(config));
    viewer.layer(middleware::from_fn(from_here_alone))
}

async fn from_here_alone(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    answer
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, POLICY);
    answer
}
