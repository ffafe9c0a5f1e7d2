//! Outgoing connections: connect and exchange handshakes (BEP 3).
//!
//! Called by a torrent's driver, one task for each candidate address; how many dial at a time is for the driver to
//! bound. What always holds: it ends within the two time-outs; exactly the 68 bytes of the handshake are read, so
//! that the stream can go to [`crate::peer::spawn`] as it is; on any error the socket is closed.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::{HANDSHAKE_LEN, Handshake, InfoHash, Violation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a dial may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialTimeouts {
    /// Until the TCP connection stands.
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

/// Connects to `address`, says `ours` at once, and waits for the peer's handshake.
///
/// # Errors
/// See [`DialError`].
pub async fn dial(
    address: SocketAddr,
    ours: &Handshake,
    timeouts: DialTimeouts,
) -> Result<(TcpStream, Handshake), DialError> {
    let mut stream = timeout(timeouts.connect, TcpStream::connect(address))
        .await
        .map_err(|_| DialError::ConnectTimeout)?
        .map_err(DialError::Connect)?;
    let mut bytes = [0; HANDSHAKE_LEN];
    timeout(timeouts.handshake, async {
        stream.set_nodelay(true)?;
        stream.write_all(&ours.encode()).await?;
        stream.read_exact(&mut bytes).await
    })
    .await
    .map_err(|_| DialError::HandshakeTimeout)?
    .map_err(DialError::Closed)?;
    let theirs = Handshake::decode(&bytes)?;
    if theirs.info_hash != ours.info_hash {
        return Err(DialError::WrongInfoHash(theirs.info_hash));
    }
    if theirs.peer_id == ours.peer_id {
        return Err(DialError::SelfConnection);
    }
    Ok((stream, theirs))
}

#[cfg(test)]
mod tests;
