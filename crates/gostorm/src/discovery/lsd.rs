//! The task that speaks with the local network (BEP 14): who shares what we play, and what we share.
//!
//! Started once by [`super::Discovery`]; drivers reach it through [`Handle`], whose calls never wait. What always holds: only
//! awake torrents are announced, each at most every five minutes, many in one datagram and one datagram a second; what
//! comes is read at a bounded rate, believed for awake torrents only, and our own announces are known by their cookie; the
//! sockets go with the uplink that they are bound to. A network without multicast has no local discovery, which is no error.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gostorm_core::Source;
use gostorm_wire::InfoHash;
use gostorm_wire::lsd::{HASHES_MAX, LSD_V4, LSD_V6, LsdAnnounce};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::datagram::receive;
use super::found::Found;
use crate::net::{Net, Uplink};

/// Wishes that may wait for the task.
const COMMANDS_MAX: usize = 128;
/// Torrents that are listened for; as many can hardly be awake.
const TORRENTS_MAX: usize = 512;
/// Between two announces of a torrent (BEP 14).
const ANNOUNCE_EVERY: Duration = Duration::from_secs(300);
/// Between two datagrams of ours.
const STEP: Duration = Duration::from_secs(1);
/// Datagrams that are read between two steps.
const HEARD_MAX: u32 = 50;
/// When no group could be joined.
const RETRY: Duration = Duration::from_secs(60);

struct Command {
    info_hash: InfoHash,
    announce: Option<u16>,
    to: mpsc::Sender<Found>,
}

/// The way to the task.
pub(super) struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// Listens for the torrent as long as somebody takes what is found; announces it at that port.
    pub(super) fn look_up(
        &self,
        info_hash: InfoHash,
        announce: Option<u16>,
        to: mpsc::Sender<Found>,
    ) {
        let command = Command {
            info_hash,
            announce,
            to,
        };
        if self.commands.try_send(command).is_err() {
            tracing::debug!("local discovery has too much to do");
        }
    }
}

/// A torrent that is awake.
struct Awake {
    to: mpsc::Sender<Found>,
    port: Option<u16>,
    announced: Option<Instant>,
}

/// The task, not yet running.
pub(super) struct Service {
    net: Arc<Net>,
    commands: mpsc::Receiver<Command>,
    torrents: BTreeMap<InfoHash, Awake>,
    cookie: String,
}

/// A task and the way to it.
pub(super) fn new(net: Arc<Net>) -> (Handle, Service) {
    let (commands, queue) = mpsc::channel(COMMANDS_MAX);
    let service = Service {
        net,
        commands: queue,
        torrents: BTreeMap::new(),
        cookie: format!("{:016x}", rand::random::<u64>()),
    };
    (Handle { commands }, service)
}

impl Service {
    /// Runs until the process stops.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while let Some(uplink) = stop.run_until_cancelled(self.net.opened()).await {
            let groups = [LSD_V4, LSD_V6].map(|group| self.net.multicast(group));
            if let [Err(error), Err(_)] = &groups {
                tracing::debug!(%error, "no local discovery on this network");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = uplink.ended() => {}
                    () = tokio::time::sleep(RETRY) => {}
                }
                continue;
            }
            let [v4, v6] = groups.map(Result::ok);
            self.serve(v4.as_ref(), v6.as_ref(), &uplink, &stop).await;
        }
    }

    async fn serve(
        &mut self,
        v4: Option<&UdpSocket>,
        v6: Option<&UdpSocket>,
        uplink: &Uplink,
        stop: &CancellationToken,
    ) {
        let mut steps = interval(STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut room = HEARD_MAX;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = uplink.ended() => return,
                Some(command) = self.commands.recv() => self.enter(command),
                (bytes, from) = receive(v4), if room > 0 => {
                    room -= 1;
                    self.heard(&bytes, from);
                }
                (bytes, from) = receive(v6), if room > 0 => {
                    room -= 1;
                    self.heard(&bytes, from);
                }
                _ = steps.tick() => {
                    room = HEARD_MAX;
                    if let Some(announce) = self.next_announce() {
                        send(v4, LSD_V4, &announce).await;
                        send(v6, LSD_V6, &announce).await;
                    }
                }
            }
        }
    }

    fn enter(&mut self, command: Command) {
        let Command {
            info_hash,
            announce,
            to,
        } = command;
        if let Some(known) = self.torrents.get_mut(&info_hash) {
            // A torrent that sleeps and wakes within five minutes is not announced again for it.
            known.to = to;
            known.port = announce.or(known.port);
        } else if self.torrents.len() < TORRENTS_MAX {
            let awake = Awake {
                to,
                port: announce,
                announced: None,
            };
            self.torrents.insert(info_hash, awake);
        }
    }

    /// Somebody of the local network shares something.
    fn heard(&self, bytes: &[u8], from: SocketAddr) {
        let Some(announce) = LsdAnnounce::decode(bytes) else {
            return;
        };
        if announce.cookie.as_ref() == Some(&self.cookie) {
            return;
        }
        for hash in &announce.info_hashes {
            if let Some(awake) = self.torrents.get(hash) {
                let found = Found::Peers {
                    source: Source::Lsd,
                    addrs: vec![SocketAddr::new(from.ip(), announce.port)],
                };
                // A driver that has much to do hears it again.
                let _ = awake.to.try_send(found);
            }
        }
    }

    /// What is due, as many torrents as one datagram holds.
    fn next_announce(&mut self) -> Option<LsdAnnounce> {
        let recent = |awake: &Awake| {
            let recent = |at: Instant| at.elapsed() < ANNOUNCE_EVERY;
            awake.announced.is_some_and(recent)
        };
        self.torrents
            .retain(|_, awake| !awake.to.is_closed() || recent(awake));
        let due = |awake: &Awake| !awake.to.is_closed() && !recent(awake);
        let port = self
            .torrents
            .values()
            .filter(|awake| due(awake))
            .find_map(|awake| awake.port)?;
        let mut info_hashes = Vec::new();
        for (hash, awake) in &mut self.torrents {
            if info_hashes.len() < HASHES_MAX && awake.port == Some(port) && due(awake) {
                awake.announced = Some(Instant::now());
                info_hashes.push(*hash);
            }
        }
        Some(LsdAnnounce {
            port,
            info_hashes,
            cookie: Some(self.cookie.clone()),
        })
    }
}

async fn send(socket: Option<&UdpSocket>, group: SocketAddr, announce: &LsdAnnounce) {
    if let Some(socket) = socket
        && let Err(error) = socket.send_to(&announce.encode(group), group).await
    {
        tracing::trace!(%group, %error, "a local announce was not sent");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> (Handle, Service) {
        new(Arc::new(Net::new()))
    }

    fn enter(service: &mut Service, n: u8, announce: Option<u16>) -> mpsc::Receiver<Found> {
        let (to, found) = mpsc::channel(8);
        let info_hash = InfoHash([n; 20]);
        service.enter(Command {
            info_hash,
            announce,
            to,
        });
        found
    }

    #[tokio::test(start_paused = true)]
    async fn awake_torrents_are_announced_together_and_at_most_every_five_minutes() {
        let (_handle, mut service) = service();
        let mut found: Vec<_> = (0..25)
            .map(|n| enter(&mut service, n, Some(8_091)))
            .collect();
        found.push(enter(&mut service, 99, None));
        let first = service
            .next_announce()
            .map(|announce| announce.info_hashes.len());
        let second = service
            .next_announce()
            .map(|announce| announce.info_hashes.len());
        assert_eq!(
            (first, second),
            (Some(20), Some(5)),
            "of 25 that have a port"
        );
        assert_eq!(service.next_announce(), None);
        tokio::time::advance(Duration::from_secs(299)).await;
        found.truncate(3);
        // One that slept and woke meanwhile is no reason to announce it again.
        let _again = enter(&mut service, 7, Some(8_091));
        assert_eq!(service.next_announce(), None);
        tokio::time::advance(Duration::from_secs(2)).await;
        let later = service
            .next_announce()
            .map(|announce| announce.info_hashes.len());
        assert_eq!(later, Some(4), "those that still are awake");
    }

    #[tokio::test(start_paused = true)]
    async fn others_are_heard_for_awake_torrents_and_not_ourselves() {
        let (_handle, mut service) = service();
        let mut found = enter(&mut service, 1, Some(8_091));
        let from = SocketAddr::from(([192, 168, 1, 9], 6_771));
        let say = |cookie: &str, n: u8| {
            LsdAnnounce {
                port: 7_000,
                info_hashes: vec![InfoHash([n; 20])],
                cookie: Some(cookie.to_owned()),
            }
            .encode(LSD_V4)
        };
        let own = service.cookie.clone();
        service.heard(&say(&own, 1), from);
        service.heard(&say("other", 2), from);
        service.heard(b"BT-SEARCH * HTTP/1.1\r\n\r\n", from);
        assert!(found.try_recv().is_err());
        service.heard(&say("other", 1), from);
        let heard = found.try_recv().map(|found| match found {
            Found::Peers { source, addrs } => (source, addrs),
            Found::Nothing => panic!("the local network has no end"),
        });
        let expected = vec![SocketAddr::from(([192, 168, 1, 9], 7_000))];
        assert_eq!(heard, Ok((Source::Lsd, expected)));
        for _ in 0..100 {
            service.heard(&say("other", 1), from);
        }
        assert_eq!(found.len(), 8, "what waits is bounded");
    }
}
