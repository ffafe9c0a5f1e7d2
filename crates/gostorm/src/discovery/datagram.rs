//! Receiving from a UDP socket that may not be there: the DHT and local discovery wait on one for each family.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

/// Longest datagram that is read whole, bytes; the rest of a longer one is cut off, and what is left does not decode.
const DATAGRAM_LEN: usize = 2_048;
/// Wait after an error: the next one would come at once.
const PAUSE: Duration = Duration::from_millis(50);

/// The next datagram and its sender; never, without a socket.
pub(super) async fn receive(socket: Option<&UdpSocket>) -> (Vec<u8>, SocketAddr) {
    let Some(socket) = socket else {
        return std::future::pending().await;
    };
    let mut buffer = vec![0; DATAGRAM_LEN];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((len, from)) => {
                buffer.truncate(len);
                return (buffer, from);
            }
            Err(error) => {
                // Of an earlier send (unreachable), or of an interface that goes: the uplink will tell.
                tracing::trace!(%error, "a datagram could not be received");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
