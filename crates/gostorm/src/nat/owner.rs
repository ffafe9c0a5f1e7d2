//! The task that owns the port: carries packets between the machine and the gateway. What came of it is told in `told`.

mod told;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gostorm_core::Time;
use gostorm_core::nat::{Input, Mapper, Output, Settings};
use gostorm_wire::nat::GATEWAY_PORT;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::doors::{Doors, Open};
use super::gateway::default_gateway;
use super::upnp::{Granted, UpnpError};
use super::{NatConfig, NatState, STOP_MAX};
use crate::net::{Gate, Net};

/// The longest packet of a gateway (RFC 6887 section 7).
const PACKET_MAX: usize = 1_100;
/// Where nothing says so, how often it is looked whether the way to the gateway has changed.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Tells the engine the port to announce; `None`: its own.
pub(crate) type Announce = Box<dyn Fn(Option<u16>) + Send + Sync>;

/// What the task stands on.
pub(crate) struct Ground {
    /// Makes the sockets to the gateway.
    pub(crate) net: Arc<Net>,
    /// The port that the engine listens at.
    pub(crate) listening: watch::Receiver<u16>,
    /// Opens listeners at another port.
    pub(crate) open: Open,
    /// Tells the port.
    pub(crate) announce: Announce,
    /// Shows how it stands.
    pub(crate) state: watch::Sender<NatState>,
}

struct Upnp {
    granted: mpsc::Receiver<Granted>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), UpnpError>>,
    holds: bool,
}

enum Event {
    Packet(io::Result<usize>),
    Network,
    Due,
    Look,
    Doors,
    Upnp,
    Granted(Granted),
    UpnpEnded(Option<UpnpError>),
}

struct Owner {
    config: NatConfig,
    net: Arc<Net>,
    announce: Announce,
    state: watch::Sender<NatState>,
    /// The port that the engine listens at.
    listening: u16,
    doors: Doors,
    /// `None` where UPnP alone is spoken.
    machine: Option<Mapper>,
    start: Instant,
    socket: Option<UdpSocket>,
    /// The gateway and our address, as of the last look.
    way: Option<(Ipv4Addr, IpAddr)>,
    upnp: Option<Upnp>,
    upnp_at: Option<Instant>,
    look_at: Instant,
    told: Option<u16>,
    /// Why there was no way to the gateway when one was looked for.
    no_way: Option<String>,
    /// Why the gateway gave no port, while UPnP is tried.
    failure: Option<String>,
    packet: Box<[u8; PACKET_MAX]>,
}

/// Gets a port and keeps it until `stop`, then gives it back.
pub(crate) async fn run(config: NatConfig, ground: Ground, stop: CancellationToken) {
    let Ground {
        net,
        mut listening,
        open,
        announce,
        state,
    } = ground;
    let known = stop.run_until_cancelled(listening.wait_for(|port| *port != 0));
    let Some(Ok(listening)) = known.await.map(|port| port.map(|port| *port)) else {
        return;
    };
    let mut gate = net.gate();
    let now = Instant::now();
    let mut owner = Owner {
        machine: machine(&config, listening),
        upnp_at: config.dialects.is_empty().then_some(now),
        config,
        net,
        announce,
        state,
        listening,
        doors: Doors::new(open),
        start: now,
        socket: None,
        way: None,
        upnp: None,
        look_at: now + LOOK_EVERY,
        told: None,
        no_way: None,
        failure: None,
        packet: Box::new([0; PACKET_MAX]),
    };
    owner.open_doors();
    owner.drain().await;
    while let Some(event) = stop.run_until_cancelled(owner.next_event(&mut gate)).await {
        owner.apply(event, &gate).await;
    }
    if timeout(STOP_MAX, owner.finish()).await.is_err() {
        tracing::debug!("the gateway did not take the port back in time");
    }
}

fn machine(config: &NatConfig, listening: u16) -> Option<Mapper> {
    let internal = config.internal.unwrap_or(listening);
    let settings = Settings {
        dialects: config.dialects,
        internal,
        // What is asked for first: our own number at home; a VPN gateway that is to choose takes 1 for "any".
        suggested: if internal == 0 { 1 } else { internal },
        lifetime: config.lifetime,
        renew_after: config.renew_after,
        pause_max: config.pause_max,
        nonce: rand::random(),
    };
    (!config.dialects.is_empty()).then(|| Mapper::new(settings))
}

impl Owner {
    async fn next_event(&mut self, gate: &mut watch::Receiver<Gate>) -> Event {
        let packet = async {
            match &self.socket {
                Some(socket) => socket.recv(&mut self.packet[..]).await,
                None => std::future::pending().await,
            }
        };
        let holds = self.upnp.as_ref().is_some_and(|upnp| upnp.holds);
        let granted = async {
            let Some(upnp) = &mut self.upnp else {
                return std::future::pending().await;
            };
            if let Some(granted) = upnp.granted.recv().await {
                return Event::Granted(granted);
            }
            match (&mut upnp.task).await {
                Ok(ended) => Event::UpnpEnded(ended.err()),
                Err(_) => Event::UpnpEnded(None),
            }
        };
        let wake = self
            .machine
            .as_ref()
            .filter(|_| !holds)
            .map(Mapper::wake_at);
        let due = wake
            .filter(|at| *at != Time::NEVER)
            .map(|at| self.start + Duration::from_micros(at.0));
        tokio::select! {
            packet = packet => Event::Packet(packet),
            Ok(()) = gate.changed() => Event::Network,
            event = granted => event,
            () = at(due) => Event::Due,
            () = at(self.upnp_at) => Event::Upnp,
            () = at(self.doors.next_close()) => Event::Doors,
            () = sleep_until(self.look_at) => Event::Look,
        }
    }

    async fn apply(&mut self, event: Event, gate: &watch::Receiver<Gate>) {
        match event {
            Event::Packet(Ok(len)) => {
                let packet = self.packet[..len].to_vec();
                self.feed(Input::Received(&packet)).await;
            }
            Event::Packet(Err(error)) => self.socket_failed(&error).await,
            Event::Network => {
                let up = gate.borrow().generation().is_some();
                self.network(up).await;
            }
            Event::Due => self.feed(Input::Turn).await,
            Event::Upnp => self.start_upnp(),
            Event::Doors => self.doors.close_due(),
            Event::Look => self.look().await,
            Event::Granted(granted) => self.granted(granted),
            Event::UpnpEnded(error) => self.upnp_ended(error),
        }
    }

    fn now(&self) -> Time {
        let micros = self.start.elapsed().as_micros();
        Time(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    async fn feed(&mut self, input: Input<'_>) {
        let now = self.now();
        if let Some(machine) = &mut self.machine {
            machine.handle(now, input);
        }
        self.drain().await;
    }

    async fn drain(&mut self) {
        while let Some(output) = self.machine.as_mut().and_then(Mapper::poll) {
            let next = self.act(output).await;
            let now = self.now();
            if let (Some(machine), Some(next)) = (&mut self.machine, next) {
                machine.handle(now, next);
            }
        }
    }

    /// Does what the machine says; what that leads to.
    async fn act(&mut self, output: Output) -> Option<Input<'static>> {
        match output {
            Output::Open => match self.open().await {
                Ok(client) => return Some(Input::Opened { client }),
                Err(error) => {
                    self.no_way = Some(error.to_string());
                    return Some(Input::NoGateway);
                }
            },
            Output::Send(packet) => return self.send(&packet).await,
            Output::Mapped(mapping) => self.mapped(mapping),
            Output::Lost => {
                tracing::warn!("the gateway's port is lost");
                self.lost();
            }
            Output::Failed { failure, .. } => self.failed(failure),
            Output::Odd(odd) => tracing::warn!("{odd}"),
            Output::Ended => self.machine = None,
        }
        None
    }

    /// A socket that is connected to the gateway, so that nobody else is heard; our address on it.
    async fn open(&mut self) -> io::Result<IpAddr> {
        self.socket = None;
        let (socket, gateway, ours) = self.connect().await?;
        self.way = Some((gateway, ours));
        self.no_way = None;
        self.socket = Some(socket);
        Ok(ours)
    }

    async fn connect(&self) -> io::Result<(UdpSocket, Ipv4Addr, IpAddr)> {
        let uplink = self.net.uplink()?;
        let device = uplink.device().map(|device| device.name.as_str());
        let gateway = self.config.gateway.or_else(|| default_gateway(device));
        let gateway = gateway
            .ok_or_else(|| io::Error::other("no gateway is known (natpmp.gateway names it)"))?;
        let socket = self.net.udp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
        socket.connect((gateway, GATEWAY_PORT)).await?;
        let ours = socket.local_addr()?.ip();
        Ok((socket, gateway, ours))
    }

    async fn send(&self, packet: &[u8]) -> Option<Input<'static>> {
        let socket = self.socket.as_ref()?;
        let error = socket.send(packet).await.err()?;
        // A refusal of the packet before it comes as the error of this one.
        if error.kind() == io::ErrorKind::ConnectionRefused {
            return Some(Input::Refused);
        }
        tracing::debug!(%error, "nothing can be sent to the gateway");
        None
    }

    async fn socket_failed(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::ConnectionRefused {
            return self.feed(Input::Refused).await;
        }
        tracing::debug!(%error, "the socket to the gateway failed");
        // The machine takes it for silence; a socket that fails for ever must not keep us busy.
        self.socket = None;
    }

    /// The network went, came back, or changed.
    async fn network(&mut self, up: bool) {
        self.socket = None;
        if up {
            self.doors.reopen();
        } else {
            self.doors.shut();
        }
        // Without a network there is no way to the gateway, which the machine hears when it asks for one.
        self.feed(Input::Changed).await;
    }

    /// Without an interface to be bound to, nobody says that we are in another network now.
    async fn look(&mut self) {
        self.look_at = Instant::now() + LOOK_EVERY;
        self.open_doors();
        let Ok((_, gateway, ours)) = self.connect().await else {
            return;
        };
        let moved = self.way.is_some_and(|way| way != (gateway, ours));
        if moved || self.no_way.is_some() {
            tracing::info!(%gateway, "the way to the gateway has changed");
            self.way = Some((gateway, ours));
            if let Some(upnp) = self.upnp.take() {
                // The task still tries to give the port back.
                upnp.stop.cancel();
                self.upnp_at = self.config.dialects.is_empty().then(Instant::now);
            }
            self.feed(Input::Changed).await;
        }
    }

    async fn finish(&mut self) {
        if let Some(mut upnp) = self.upnp.take() {
            upnp.stop.cancel();
            upnp.granted.close();
            // What it says no longer matters.
            let _ = (&mut upnp.task).await;
        }
        self.feed(Input::Stop).await;
        while let Some(wake) = self.machine.as_ref().map(Mapper::wake_at) {
            let Some(socket) = &self.socket else {
                return;
            };
            let wake = self.start + Duration::from_micros(wake.0);
            let mut packet = [0; PACKET_MAX];
            match timeout_at(wake, socket.recv(&mut packet)).await {
                Ok(Ok(len)) => self.feed(Input::Received(&packet[..len])).await,
                Ok(Err(error)) => self.socket_failed(&error).await,
                Err(_) => self.feed(Input::Turn).await,
            }
        }
    }
}

/// Never, when there is no moment.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
