//! A web port: who may connect, whose pages may ask (origin.rs), how long they may take, and how it ends.
//!
//! The binary binds one for each port and serves a router on it. Bounds: connections in all and of one client
//! (door.rs), the time and the room for a request's head (serving.rs) and for its body (body.rs). A client that is gone
//! without a word is found by the system's keep-alive; one that takes its bytes slowly is served as slowly (wire.rs), for
//! a player that pauses does just that.

mod accepting;
mod body;
mod door;
mod figures;
mod listeners;
mod serving;
mod wire;

use std::{
    io,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};

pub use self::figures::WebFigures;
pub(crate) use self::{accepting::AcceptErrors, serving::Serving};
use self::{
    door::{CONNECTIONS_MAX, Door, Entrance},
    listeners::Listeners,
};
use crate::{access::LiveAccess, client::Client, error::Refusal, login, origin};

/// How soon a port is bound again that could not be when whom it serves changed.
const BIND_AGAIN: Duration = Duration::from_secs(1);

/// A bound port that nobody serves yet.
#[derive(Debug)]
pub struct WebPort {
    listeners: Listeners,
    /// Whether they can be reached from this machine alone.
    local: bool,
    port: u16,
    access: LiveAccess,
    connections_max: usize,
    figures: Arc<WebFigures>,
}

impl WebPort {
    /// Binds a port; 0 takes a free one. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the port is taken, or may not be taken by this user.
    pub fn bind(port: u16, access: &LiveAccess) -> io::Result<Self> {
        let local = access.now().is_local();
        let listeners = Listeners::bind(port, local)?;
        Ok(Self {
            port: listeners.port()?,
            listeners,
            local,
            access: access.clone(),
            connections_max: CONNECTIONS_MAX,
            figures: Arc::default(),
        })
    }

    /// With at most `max` connections, where the system gives descriptors for no more than that.
    #[must_use]
    pub fn at_most(mut self, max: usize) -> Self {
        self.connections_max = self.connections_max.min(max);
        self
    }

    /// Its figures, which go on being counted.
    pub fn figures(&self) -> Arc<WebFigures> {
        Arc::clone(&self.figures)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers requests until `shutdown` completes; what is still running after a grace of 2 s is cut off.
    /// Every request must bring the login, if there is one.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) {
        let allowed = middleware::from_fn_with_state(self.access.clone(), check_login);
        self.serve_open(router.layer(allowed), shutdown).await;
    }

    /// Like [`WebPort::serve`], for a router that asks for the login itself. Each request has the address of its
    /// client as an extension: [`Client`].
    pub async fn serve_open(mut self, router: Router, shutdown: impl Future<Output = ()>) {
        let router = self.bounded(router);
        let full = self.counted(Router::new().fallback(async || Refusal::Crowded));
        let door = Door::new(self.connections_max, self.figures());
        let mut serving = Serving::default();
        let mut shutdown = pin!(shutdown);
        let mut changes = self.access.changes();
        loop {
            let (stream, client) = tokio::select! {
                accepted = self.listeners.accept() => accepted,
                () = serving.ended() => continue,
                Ok(()) = changes.changed() => {
                    self.bind_again();
                    continue;
                }
                () = tokio::time::sleep(BIND_AGAIN), if self.listeners.is_empty() => {
                    self.bind_again();
                    continue;
                }
                () = &mut shutdown => break,
            };
            let client = client.ip().to_canonical();
            if !self.access.now().admits(client) {
                tracing::debug!(%client, "a connection is closed: its address is not served");
                continue;
            }
            match door.enter(client) {
                Entrance::Served(place) => {
                    serving.add(stream, router.clone(), Client(client), place);
                }
                Entrance::TurnedAway(place) => serving.turn_away(stream, full.clone(), place),
                Entrance::Closed => tracing::debug!(%client, "a connection is closed: too many"),
            }
        }
        self.listeners = Listeners::default();
        serving.end().await;
    }

    /// What holds for every request, from the outside in.
    fn bounded(&self, router: Router) -> Router {
        let admitted = middleware::from_fn_with_state(self.access.clone(), check_client);
        let known = middleware::from_fn_with_state(self.access.clone(), origin::check);
        let router = router.layer(middleware::from_fn(body::bound));
        self.counted(router.layer(known).layer(admitted))
    }

    fn counted(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.figures(), count))
    }

    /// Listens for others than this machine, or no longer, as the settings say now. Connections stay; each of their
    /// requests is checked.
    fn bind_again(&mut self) {
        let local = self.access.now().is_local();
        if local == self.local && !self.listeners.is_empty() {
            return;
        }
        // The port is free again before it is taken anew.
        self.listeners = Listeners::default();
        self.local = local;
        match Listeners::bind(self.port, local) {
            Ok(listeners) => self.listeners = listeners,
            Err(error) => tracing::warn!(port = self.port, %error, "cannot listen again"),
        }
    }
}

/// What bounds the requests of a socket that is no port: the time and the room for their bodies.
pub(crate) fn with_bounded_bodies(router: Router) -> Router {
    router.layer(middleware::from_fn(body::bound))
}

/// Each request is checked, since connections outlive a change of the settings.
async fn check_client(
    State(access): State<LiveAccess>,
    Extension(Client(client)): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    if !access.now().admits(client) {
        return Refusal::NotServed.into_response();
    }
    if access.bans(client) {
        return Refusal::Banned.into_response();
    }
    next.run(request).await
}

async fn check_login(
    State(access): State<LiveAccess>,
    mut request: Request,
    next: Next,
) -> Response {
    match login::check(&access, &mut request) {
        Ok(()) => next.run(request).await,
        Err(refused) => Refusal::NoLogin(refused).into_response(),
    }
}

async fn count(State(figures): State<Arc<WebFigures>>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    let class = usize::from(answer.status().as_u16() / 100).clamp(1, 5) - 1;
    figures.answers[class].fetch_add(1, Relaxed);
    answer
}

#[cfg(test)]
mod tests;
