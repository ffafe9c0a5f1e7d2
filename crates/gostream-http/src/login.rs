//! Whether a request may go on: by the login of the web ports, and by how often its client guessed wrong.

use std::time::Duration;

use axum::{extract::Request, http::header};

use crate::{access::LiveAccess, client::Client};

/// Among the extensions of a request that brought the login, where one is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoggedIn;

/// Why a request may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoLogin {
    /// It has none, or a wrong one.
    #[error("the login is missing or wrong")]
    Missing,
    /// Its client guessed wrong too often; it may try again after this.
    #[error("too many wrong logins came from this address; try again later")]
    LockedOut(Duration),
}

/// Looks at the login of a request, where one is set. What is right is marked as [`LoggedIn`]; what is wrong counts.
pub(crate) fn check(access: &LiveAccess, request: &mut Request) -> Result<(), NoLogin> {
    let wanted = access.now();
    if !wanted.asks_login() {
        return Ok(());
    }
    let Some(given) = request.headers().get(header::AUTHORIZATION) else {
        return Err(NoLogin::Missing);
    };
    let client = request.extensions().get::<Client>().copied();
    if let Some(Client(client)) = client
        && let Some(time) = access.attempts().locked_for(client)
    {
        return Err(NoLogin::LockedOut(time));
    }
    if !wanted.allows(request.headers()) {
        if let Some(Client(client)) = client {
            access.attempts().count(client, given.as_bytes());
        }
        return Err(NoLogin::Missing);
    }
    request.extensions_mut().insert(LoggedIn);
    Ok(())
}
