//! Requests of other people's web pages.

/// What makes a request one of another's web page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stranger {
    /// The browser says so.
    #[error("a page of another site may ask nothing here, unless cors_origins lists it")]
    Page,
    /// It was sent to a name that anybody may have pointed at us, and no login is set.
    #[error(
        "without a login (web_user, web_token) the server answers to its address and to names of the home network; \
         for another name list its origin in cors_origins"
    )]
    Name,
}
