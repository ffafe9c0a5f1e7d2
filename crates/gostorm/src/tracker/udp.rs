//! Asks UDP trackers (BEP 15).
//!
//! A question that is not answered is asked again after 1.5 s, then after twice as long each time, until
//! [`ANNOUNCE_TIMEOUT`] is over: BEP 15's first wait of 15 s would cost a film its start when one datagram is lost. What
//! BEP 15 does after that (up to an hour of longer and longer waits) is what `gostorm_core` does with a tracker that
//! fails. A connection id is used for [`CONNECTION_ID_SECONDS`]; a tracker that does not answer to a kept one, or
//! refuses, is asked for a new one.
//!
//! A tracker whose name has addresses of both families is announced to over both (BEP 7), since it tells peers of the
//! family that it was asked over. Where it has several of one family, they are tried in turn.
//!
//! A local address is no danger here, unlike that of an HTTP tracker: what is sent before the other side has proved to
//! be a tracker are 16 bytes that no torrent's author can choose. (libtorrent's rules are for HTTP as well.) An address
//! that is not one host's is refused.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gostorm_wire::tracker::{
    CONNECTION_ID_SECONDS, ScrapeCounts, UdpBody, encode_connect, encode_scrape,
};
use gostorm_wire::{AnnounceRequest, AnnounceResponse, InfoHash};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use url::Url;

use super::answer::Announced;
use super::door::{Door, Doorway, Reply};
use super::error::TrackerError;
use super::limits::ANNOUNCE_TIMEOUT;
use crate::net::Net;
use crate::net::reach::Reach;

/// The wait before a question is asked a second time; doubles from then on.
const RESEND_AFTER: Duration = Duration::from_millis(1_500);
/// How long an answer to a kept connection id is awaited: for the question and one more.
const KEPT_ID_MAX: Duration = Duration::from_millis(3_000);
/// Addresses of one family that are tried.
const ADDRS_MAX: usize = 4;
/// Connection ids that are kept, for each family.
const CONNECTIONS_MAX: usize = 256;

/// The conversations over one address family.
#[derive(Debug)]
struct Family {
    doorway: Doorway,
    connections: Mutex<FxHashMap<SocketAddr, (u64, Instant)>>,
}

#[derive(Debug)]
pub(super) struct UdpTrackers {
    net: Arc<Net>,
    v4: Family,
    v6: Family,
}

/// A question: an encoder for a connection id and a transaction id.
type Encode<'a> = &'a (dyn Fn(u64, u32) -> Vec<u8> + Sync);

impl Family {
    fn new(ipv6: bool) -> Self {
        Self {
            doorway: Doorway::new(ipv6),
            connections: Mutex::default(),
        }
    }

    /// A connection id that one of these gave and that may be used still.
    fn kept(&self, addrs: &[SocketAddr]) -> Option<(SocketAddr, u64)> {
        let connections = self.connections.lock();
        let kept = addrs.iter().find_map(|addr| {
            let (id, since) = connections.get(addr)?;
            is_fresh(*since).then_some((*addr, *id))
        });
        drop(connections);
        kept
    }

    fn keep(&self, addr: SocketAddr, id: u64) {
        let mut connections = self.connections.lock();
        connections.retain(|_, (_, since)| is_fresh(*since));
        if connections.len() < CONNECTIONS_MAX {
            connections.insert(addr, (id, Instant::now()));
        }
    }

    fn forget(&self, addr: SocketAddr) {
        self.connections.lock().remove(&addr);
    }

    /// Asks one of `addrs`, with a connection id that it gave before, or gives now.
    async fn ask(
        &self,
        net: &Net,
        addrs: &[SocketAddr],
        encode: Encode<'_>,
    ) -> Result<UdpBody, TrackerError> {
        let door = self.doorway.enter(net).map_err(TrackerError::Network)?;
        if let Some((addr, id)) = self.kept(addrs) {
            let (addrs, encode) = ([addr], |transaction| encode(id, transaction));
            let asked = ask_until(&door, &addrs, &encode);
            if let Ok(Ok((_, body))) = timeout(KEPT_ID_MAX, asked).await
                && !matches!(body, UdpBody::Refused(_))
            {
                return Ok(body);
            }
            self.forget(addr);
        }
        let (addr, body) = ask_until(&door, addrs, &encode_connect).await?;
        let id = match body {
            UdpBody::Connected { connection } => connection,
            UdpBody::Refused(why) => return Err(why.into()),
            UdpBody::Announced(_) | UdpBody::Scraped(_) => return Err(TrackerError::WrongAnswer),
        };
        self.keep(addr, id);
        let (addrs, encode) = ([addr], |transaction| encode(id, transaction));
        ask_until(&door, &addrs, &encode)
            .await
            .map(|(_, body)| body)
    }
}

fn is_fresh(since: Instant) -> bool {
    since.elapsed() < Duration::from_secs(CONNECTION_ID_SECONDS)
}

/// Asks, again and again, one address after the other, until one of them answers. The caller limits the time.
async fn ask_until(
    door: &Door,
    addrs: &[SocketAddr],
    encode: &(dyn Fn(u32) -> Vec<u8> + Sync),
) -> Result<(SocketAddr, UdpBody), TrackerError> {
    let (replies, mut answers) = mpsc::channel::<Reply>(ADDRS_MAX);
    let mut questions = Vec::new();
    let mut wait = RESEND_AFTER;
    let mut failed = None;
    loop {
        for addr in addrs.iter().cycle().skip(questions.len()).take(addrs.len()) {
            match door.ask(*addr, &replies, encode).await {
                Ok(question) => {
                    questions.push(question);
                    failed = None;
                    break;
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed.take() {
            return Err(error);
        }
        match timeout(wait, answers.recv()).await {
            Ok(Some((addr, body))) => return Ok((addr, body?)),
            Ok(None) | Err(_) => wait *= 2,
        }
    }
}

impl UdpTrackers {
    pub(super) fn new(net: Arc<Net>) -> Self {
        Self {
            net,
            v4: Family::new(false),
            v6: Family::new(true),
        }
    }

    /// Announces over both families where there are both; the first that answers does for an answer.
    pub(super) async fn announce(
        self: &Arc<Self>,
        url: &Url,
        request: &AnnounceRequest,
    ) -> Result<Announced, TrackerError> {
        let (v4, v6) = self.look_up(url).await?;
        self.announce_over(v4, v6, url, request).await
    }

    async fn announce_over(
        self: &Arc<Self>,
        v4: Vec<SocketAddr>,
        v6: Vec<SocketAddr>,
        url: &Url,
        request: &AnnounceRequest,
    ) -> Result<Announced, TrackerError> {
        let one = |addrs: Vec<SocketAddr>| {
            let this = Arc::clone(self);
            Box::pin(this.announce_to(addrs, url.clone(), request.clone()))
        };
        if v4.is_empty() || v6.is_empty() {
            let answer = one([v4, v6].concat()).await?;
            return Ok(Announced { answer, more: None });
        }
        let (mut by_v4, mut by_v6) = (one(v4), one(v6));
        let (first, other) = tokio::select! {
            first = &mut by_v4 => (first, by_v6),
            first = &mut by_v6 => (first, by_v4),
        };
        match first {
            Ok(answer) => Ok(Announced {
                answer,
                more: Some(Box::pin(async move {
                    other.await.map_or_else(|_| Vec::new(), |more| more.peers)
                })),
            }),
            Err(_) => {
                let answer = other.await?;
                Ok(Announced { answer, more: None })
            }
        }
    }

    /// `addrs` are of one family, and not none.
    async fn announce_to(
        self: Arc<Self>,
        addrs: Vec<SocketAddr>,
        url: Url,
        request: AnnounceRequest,
    ) -> Result<AnnounceResponse, TrackerError> {
        let encode = |id, transaction| request.to_datagram(id, transaction, &url);
        match self.ask(&addrs, &encode).await? {
            UdpBody::Announced(answer) => Ok(answer),
            UdpBody::Refused(why) => Err(why.into()),
            UdpBody::Connected { .. } | UdpBody::Scraped(_) => Err(TrackerError::WrongAnswer),
        }
    }

    /// Asks for the numbers of one torrent, over one family: they count all peers.
    pub(super) async fn scrape(
        &self,
        url: &Url,
        torrent: InfoHash,
    ) -> Result<ScrapeCounts, TrackerError> {
        let (v4, v6) = self.look_up(url).await?;
        let addrs = if v4.is_empty() { v6 } else { v4 };
        let encode = |id, transaction| encode_scrape(id, transaction, &[torrent]);
        match self.ask(&addrs, &encode).await? {
            UdpBody::Scraped(counts) => counts.first().copied().ok_or(TrackerError::WrongAnswer),
            UdpBody::Refused(why) => Err(why.into()),
            UdpBody::Connected { .. } | UdpBody::Announced(_) => Err(TrackerError::WrongAnswer),
        }
    }

    async fn ask(&self, addrs: &[SocketAddr], encode: Encode<'_>) -> Result<UdpBody, TrackerError> {
        let ipv6 = addrs.first().is_some_and(SocketAddr::is_ipv6);
        let family = if ipv6 { &self.v6 } else { &self.v4 };
        let asked = self.net.within(family.ask(&self.net, addrs, encode));
        let asked = timeout(ANNOUNCE_TIMEOUT, asked).await;
        let asked = asked.map_err(|_| TrackerError::Timeout)?;
        asked.map_err(TrackerError::Network)?
    }

    /// The addresses of a tracker, by family; one of them may be empty.
    async fn look_up(&self, url: &Url) -> Result<(Vec<SocketAddr>, Vec<SocketAddr>), TrackerError> {
        let port = url.port().filter(|port| *port != 0);
        let port = port.ok_or(TrackerError::NoPort)?;
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_matches(['[', ']']);
        let found = timeout(
            ANNOUNCE_TIMEOUT,
            self.net.resolve(Reach::of_tracker(url), host, port),
        )
        .await;
        let found = found.map_err(|_| TrackerError::Timeout)?;
        let found = found.map_err(|error| TrackerError::NoAddress(error.to_string()))?;
        let (v4, v6): (Vec<_>, Vec<_>) = found
            .into_iter()
            .map(|addr| SocketAddr::new(addr.ip().to_canonical(), addr.port()))
            .filter(|addr| is_one_host(addr.ip()))
            .partition(SocketAddr::is_ipv4);
        if v4.is_empty() && v6.is_empty() {
            return Err(TrackerError::NoAddress(
                "it has none that can be asked".to_owned(),
            ));
        }
        let few = |addrs: Vec<SocketAddr>| addrs.into_iter().take(ADDRS_MAX).collect();
        Ok((few(v4), few(v6)))
    }
}

fn is_one_host(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(broadcast || ip.is_unspecified() || ip.is_multicast())
}

#[cfg(test)]
mod tests;
