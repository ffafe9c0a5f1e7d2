//! Outgoing connections: connect and exchange handshakes (BEP 3), over TCP or uTP, encrypted or not.
//!
//! [`Dialer::dial`] is called by a torrent's driver, one task for each candidate address; how many dial at a time is
//! for the driver to bound. What always holds: each attempt ends within the two time-outs, and there are two
//! at most, four with uTP; no byte behind the peer's handshake is lost, so that the stream can go to [`crate::peer::spawn`] as it is; on any
//! error the socket is closed.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gostorm_wire::{HANDSHAKE_LEN, Handshake, InfoHash, Violation};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::encryption::{Encryption, Greeting, Habits};
use crate::net::Net;
use crate::transport::{EncryptError, Transport, initiate};
use crate::utp::Endpoints;

/// How long TCP is ahead of uTP: the round trip of most peers.
const UTP_DELAY: Duration = Duration::from_millis(250);

/// How long one attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialTimeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// From then on until the peer's whole handshake is there.
    pub handshake: Duration,
}

impl Default for DialTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The blocklist names the address: nothing was sent.
    #[error("the address is blocked")]
    Blocked,
    /// Refused, unreachable, or no socket to be had.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// No answer to the connection attempt.
    #[error("no answer within the connect time-out")]
    ConnectTimeout,
    /// Connected, but the handshake did not come.
    #[error("no handshake within its time-out")]
    HandshakeTimeout,
    /// Connected, then closed. Often a peer that does not have the torrent, is full, or wants encryption.
    #[error("closed during the handshake: {0}")]
    Closed(#[source] io::Error),
    /// What came is no handshake.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The peer answered for another torrent.
    #[error("the peer answered for torrent {0}")]
    WrongInfoHash(InfoHash),
    /// The address is our own.
    #[error("the peer is ourselves")]
    SelfConnection,
}

impl DialError {
    /// The peer is there, and perhaps speaks to those who greet it in another way.
    const fn may_be_the_greeting(&self) -> bool {
        matches!(
            self,
            Self::HandshakeTimeout | Self::Closed(_) | Self::Violation(_)
        )
    }
}

impl From<EncryptError> for DialError {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::Io(error) => Self::Closed(error),
            EncryptError::Violation(violation) => Self::Violation(violation),
        }
    }
}

/// A peer that was dialled; both handshakes are done.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub transport: Transport,
    /// What the peer said.
    pub theirs: Handshake,
    /// From the attempt to the handshake; some round trips.
    pub took: Duration,
}

/// What a dial goes over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Road {
    /// TCP or uTP.
    Either,
    Utp,
}

/// Dials for all torrents of the process.
#[derive(Debug)]
pub struct Dialer {
    net: Arc<Net>,
    encryption: Encryption,
    timeouts: Mutex<DialTimeouts>,
    utp: Arc<Endpoints>,
    habits: Habits,
}

impl Dialer {
    /// Remembers nothing yet. Dials over uTP where `utp` has an endpoint.
    pub(crate) fn new(
        net: Arc<Net>,
        encryption: Encryption,
        timeouts: DialTimeouts,
        utp: Arc<Endpoints>,
    ) -> Self {
        Self {
            net,
            encryption,
            timeouts: Mutex::new(timeouts),
            utp,
            habits: Habits::default(),
        }
    }

    /// How long attempts may take that begin from now on.
    pub(crate) fn set_timeouts(&self, timeouts: DialTimeouts) {
        *self.timeouts.lock() = timeouts;
    }

    /// Connects to `address`, says `ours` at once, and waits for the peer's handshake; once more in another way if
    /// the peer hangs up on the first and the settings allow both. The peer may answer with `twin`, the other name
    /// of a hybrid (BEP 52).
    ///
    /// # Errors
    /// See [`DialError`]: of the last attempt.
    pub async fn dial(
        &self,
        address: SocketAddr,
        ours: &Handshake,
        twin: Option<InfoHash>,
    ) -> Result<Dialled, DialError> {
        let dialled = self
            .net
            .within(self.by_any_road(address, ours))
            .await
            .map_err(DialError::Connect)??;
        let theirs = dialled.theirs.info_hash;
        if theirs == ours.info_hash || Some(theirs) == twin {
            Ok(dialled)
        } else {
            Err(DialError::WrongInfoHash(theirs))
        }
    }

    async fn by_any_road(
        &self,
        address: SocketAddr,
        ours: &Handshake,
    ) -> Result<Dialled, DialError> {
        let dialled = self.dial_by(Road::Either, address, ours).await;
        // Some take connections over TCP only to close them: they speak uTP.
        let closed = matches!(dialled, Err(DialError::Closed(_)));
        if closed && self.utp.toward(address).is_some() {
            return self.dial_by(Road::Utp, address, ours).await;
        }
        dialled
    }

    async fn dial_by(
        &self,
        road: Road,
        address: SocketAddr,
        ours: &Handshake,
    ) -> Result<Dialled, DialError> {
        let greetings = self.habits.greetings(&self.encryption, address);
        let (last, earlier) = greetings.split_last().unwrap_or((&Greeting::Plain, &[]));
        for greeting in earlier {
            match self.attempt(road, address, ours, *greeting).await {
                Err(error) if error.may_be_the_greeting() => {
                    tracing::debug!(%address, %error, ?greeting, "dialled again in another way");
                }
                outcome => return outcome,
            }
        }
        self.attempt(road, address, ours, *last).await
    }

    async fn attempt(
        &self,
        road: Road,
        address: SocketAddr,
        ours: &Handshake,
        greeting: Greeting,
    ) -> Result<Dialled, DialError> {
        let start = Instant::now();
        let timeouts = *self.timeouts.lock();
        let mut transport = timeout(timeouts.connect, self.connect(road, address))
            .await
            .map_err(|_| DialError::ConnectTimeout)?
            .map_err(DialError::Connect)?;
        let greeted = greet(&mut transport, ours, greeting);
        let theirs = timeout(timeouts.handshake, greeted)
            .await
            .map_err(|_| DialError::HandshakeTimeout)??;
        // Whoever answers at all has understood.
        self.habits.learn(address, greeting);
        if theirs.peer_id == ours.peer_id {
            return Err(DialError::SelfConnection);
        }
        Ok(Dialled {
            transport,
            theirs,
            took: start.elapsed(),
        })
    }

    /// Connects over TCP, and a little later, or when that failed, over uTP: the first to stand is taken, and the
    /// other dropped before a byte of ours went over it.
    async fn connect(&self, road: Road, address: SocketAddr) -> io::Result<Transport> {
        let tcp = async { self.net.connect(address).await.map(Transport::from) };
        let Some(endpoint) = self.utp.toward(address) else {
            return tcp.await;
        };
        let utp = async { endpoint.connect(address).await.map(Transport::from) };
        if road == Road::Utp {
            return utp.await;
        }
        let (mut tcp, mut utp) = (pin!(tcp), pin!(utp));
        match timeout(UTP_DELAY, &mut tcp).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(_)) => utp.await,
            Err(_) => tokio::select! {
                connected = &mut tcp => match connected {
                    Ok(connected) => Ok(connected),
                    Err(_) => utp.await,
                },
                connected = &mut utp => match connected {
                    Ok(connected) => Ok(connected),
                    Err(_) => tcp.await,
                },
            },
        }
    }
}

async fn greet(
    transport: &mut Transport,
    ours: &Handshake,
    greeting: Greeting,
) -> Result<Handshake, DialError> {
    transport.tune();
    let mut bytes = ours.encode();
    match greeting {
        Greeting::Plain => transport
            .write_all(&mut bytes)
            .await
            .map_err(DialError::Closed)?,
        Greeting::Encrypted(methods) => {
            initiate(transport, ours.info_hash, methods, &bytes).await?;
        }
    }
    let mut bytes = [0; HANDSHAKE_LEN];
    transport
        .read_exact(&mut bytes)
        .await
        .map_err(DialError::Closed)?;
    Ok(Handshake::decode(&bytes)?)
}

#[cfg(test)]
mod tests;
