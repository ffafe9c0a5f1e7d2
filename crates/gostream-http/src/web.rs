//! A web port: who may connect, whose pages may ask (origin.rs), how long they may take, and how it ends.
//!
//! The binary binds one for each port and serves a router on it. Bounds: connections in all and from one address,
//! the time and the room for a request's head. A client that is gone without a word is found by the system's
//! keep-alive; one that takes its bytes slowly is served as slowly, for a player that pauses does just that.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use futures_util::future;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use parking_lot::Mutex;
use socket2::{Domain, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::{access::LiveAccess, error::Refusal, origin};

/// Among the extensions of a request that brought the login, where one is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoggedIn;

/// What a port did and does: plain atomics, shared with whoever shows them.
#[derive(Debug, Default)]
pub struct WebFigures {
    /// Connections now.
    pub connections: AtomicU64,
    /// Answers since the start, by the first digit of their status: 1xx to 5xx.
    pub answers: [AtomicU64; 5],
}

/// Connections at a time. An idle one costs some 10 KiB.
const CONNECTIONS_MAX: usize = 2048;

/// Connections from one address at a time, so that nobody takes all.
const CONNECTIONS_PER_ADDRESS: usize = 1536;

/// How long a client may take to send the head of a request, or stay without one.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// The longest head of a request, in bytes.
const HEAD_LEN_MAX: usize = 64 * 1024;

/// How long answers may go on after the server was told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// After how long of silence the system asks whether a client is still there, and how often.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How soon a port is bound again that could not be when whom it serves changed.
const BIND_AGAIN: Duration = Duration::from_secs(1);

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(pub(crate) IpAddr);

/// A bound port that nobody serves yet.
#[derive(Debug)]
pub struct WebPort {
    listeners: Vec<TcpListener>,
    /// Whether they can be reached from this machine alone.
    local: bool,
    port: u16,
    access: LiveAccess,
    figures: Arc<WebFigures>,
}

impl WebPort {
    /// Binds a port; 0 takes a free one. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the port is taken, or may not be taken by this user.
    pub fn bind(port: u16, access: &LiveAccess) -> io::Result<Self> {
        let local = access.now().is_local();
        let listeners = listen_for(port, local)?;
        Ok(Self {
            port: listeners[0].local_addr()?.port(),
            listeners,
            local,
            access: access.clone(),
            figures: Arc::default(),
        })
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
        let admitted = middleware::from_fn_with_state(self.access.clone(), check_client);
        let figures = Arc::clone(&self.figures);
        let counted = middleware::from_fn_with_state(figures, count);
        let known = middleware::from_fn_with_state(self.access.clone(), origin::check);
        let router = router.layer(known).layer(admitted).layer(counted);
        let door = Arc::new(Mutex::new(Door::default()));
        let connections = GracefulShutdown::new();
        // Dropping it ends those that are left.
        let mut tasks = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let mut changes = self.access.changes();
        loop {
            let (stream, client) = tokio::select! {
                accepted = accept(&self.listeners) => accepted,
                Some(_) = tasks.join_next() => continue,
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
            let Some(place) = self.admit(&door, client) else {
                tracing::debug!(%client, "a connection is closed: not served, or too many");
                continue;
            };
            let service = TowerToHyperService::new(router.clone().layer(Extension(Client(client))));
            let connection = http1().serve_connection(TokioIo::new(stream), service);
            let watched = connections.watch(connection);
            tasks.spawn(async move {
                if let Err(error) = watched.await {
                    tracing::debug!(%client, %error, "a connection broke off");
                }
                drop(place);
            });
        }
        self.listeners.clear();
        // What does not end in time is cut off.
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, connections.shutdown()).await;
    }

    /// Listens for others than this machine, or no longer, as the settings say now. Connections stay; each of their
    /// requests is checked.
    fn bind_again(&mut self) {
        let local = self.access.now().is_local();
        if local == self.local && !self.listeners.is_empty() {
            return;
        }
        // The port is free again before it is taken anew.
        self.listeners.clear();
        self.local = local;
        match listen_for(self.port, local) {
            Ok(listeners) => self.listeners = listeners,
            Err(error) => tracing::warn!(port = self.port, %error, "cannot listen again"),
        }
    }

    fn admit(&self, door: &Arc<Mutex<Door>>, client: IpAddr) -> Option<Place> {
        if !self.access.now().admits(client) || !door.lock().enter(client) {
            return None;
        }
        self.figures.connections.fetch_add(1, Relaxed);
        Some(Place {
            door: Arc::clone(door),
            figures: Arc::clone(&self.figures),
            client,
        })
    }
}

fn listen_for(port: u16, local: bool) -> io::Result<Vec<TcpListener>> {
    if local {
        let first = listen((Ipv4Addr::LOCALHOST, port).into())?;
        let port = first.local_addr()?.port();
        // Many machines have no IPv6.
        let second = listen((Ipv6Addr::LOCALHOST, port).into());
        Ok([first].into_iter().chain(second).collect())
    } else {
        let both = listen((Ipv6Addr::UNSPECIFIED, port).into());
        // A machine without IPv6 has no such address; a port that is taken is so for both.
        let first = both.or_else(|_| listen((Ipv4Addr::UNSPECIFIED, port).into()))?;
        Ok(vec![first])
    }
}

/// The connections of the moment.
#[derive(Default)]
struct Door {
    by_address: HashMap<IpAddr, usize>,
    all: usize,
}

impl Door {
    fn enter(&mut self, client: IpAddr) -> bool {
        let here = self.by_address.get(&client).copied().unwrap_or_default();
        let room = self.all < CONNECTIONS_MAX && here < CONNECTIONS_PER_ADDRESS;
        if room {
            self.by_address.insert(client, here + 1);
            self.all += 1;
        }
        room
    }

    fn leave(&mut self, client: IpAddr) {
        self.all -= 1;
        if let Entry::Occupied(mut here) = self.by_address.entry(client) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
    }
}

/// A connection's place, given back when it ends.
struct Place {
    door: Arc<Mutex<Door>>,
    figures: Arc<WebFigures>,
    client: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.lock().leave(self.client);
        self.figures.connections.fetch_sub(1, Relaxed);
    }
}

/// Each request is checked, since connections outlive a change of the settings.
async fn check_client(
    State(access): State<LiveAccess>,
    Extension(Client(client)): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    if access.now().admits(client) {
        return next.run(request).await;
    }
    Refusal::NotServed.into_response()
}

async fn check_login(
    State(access): State<LiveAccess>,
    mut request: Request,
    next: Next,
) -> Response {
    let access = access.now();
    if !access.allows(request.headers()) {
        return Refusal::NoLogin.into_response();
    }
    if access.asks_login() {
        request.extensions_mut().insert(LoggedIn);
    }
    next.run(request).await
}

async fn count(State(figures): State<Arc<WebFigures>>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    let class = usize::from(answer.status().as_u16() / 100).clamp(1, 5) - 1;
    figures.answers[class].fetch_add(1, Relaxed);
    answer
}

fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_LEN_MAX);
    builder
}

/// The next connection at any of them.
async fn accept(listeners: &[TcpListener]) -> (TcpStream, SocketAddr) {
    if listeners.is_empty() {
        return future::pending().await;
    }
    loop {
        let each = listeners.iter().map(|listener| Box::pin(listener.accept()));
        match future::select_all(each).await.0 {
            Ok(accepted) => return accepted,
            // A client that went at once, or no descriptors: others must end first.
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    // Connections inherit these from their listener.
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE)
        .with_interval(KEEP_ALIVE)
        .with_retries(2);
    socket.set_tcp_keepalive(&keep_alive)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places_and_each_is_given_back() {
        let mut door = Door::default();
        let [first, second]: [IpAddr; 2] = [[192, 168, 0, 1].into(), [192, 168, 0, 2].into()];
        for _ in 0..CONNECTIONS_PER_ADDRESS {
            assert!(door.enter(first));
        }
        assert!(!door.enter(first));
        for _ in 0..CONNECTIONS_MAX - CONNECTIONS_PER_ADDRESS {
            assert!(door.enter(second));
        }
        assert!(!door.enter(second));
        door.leave(first);
        assert!(door.enter(second));
        for _ in 1..CONNECTIONS_PER_ADDRESS {
            door.leave(first);
        }
        assert!(!door.by_address.contains_key(&first));
    }
}
