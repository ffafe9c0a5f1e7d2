//! The encryption handshake on a stream: carries bytes between it and the state machines of `gostorm_wire::mse`.
//!
//! Called by `dial` and `listen`, which bound how long it may take.

use std::io;

use gostorm_wire::mse::{Event, Initiator, Methods, Noise, PAD_MAX, Responder};
use gostorm_wire::{InfoHash, Violation};

use super::Transport;

/// How much is read at a time: a whole step of a usual handshake.
const CHUNK: usize = 1024;

/// Why an encryption handshake ended without one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncryptError {
    #[error("closed during the encryption handshake: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// Shakes hands as who dialled. `initial` goes out within it.
pub(crate) async fn initiate(
    transport: &mut Transport,
    torrent: InfoHash,
    offers: Methods,
    initial: &[u8],
) -> Result<(), EncryptError> {
    let mut machine = Initiator::new(torrent, offers, initial, noise());
    loop {
        match machine.advance()? {
            Event::Wait => machine.feed(&read(transport).await?),
            Event::Send(mut bytes) => transport.write_all(&mut bytes).await?,
            // Only a responder asks.
            Event::Find(_) => {}
            Event::Done(established) => {
                transport.settle(*established);
                return Ok(());
            }
        }
    }
}

/// Shakes hands as who accepted; `first` was read already. `find` names the torrent of an
/// [`skey_hash`](gostorm_wire::mse::skey_hash); false when it names none.
pub(crate) async fn respond(
    transport: &mut Transport,
    first: &[u8],
    allows: Methods,
    find: impl Fn(&[u8; 20]) -> Option<InfoHash> + Send,
) -> Result<bool, EncryptError> {
    let mut machine = Responder::new(allows, noise());
    machine.feed(first);
    loop {
        match machine.advance()? {
            Event::Wait => machine.feed(&read(transport).await?),
            Event::Send(mut bytes) => transport.write_all(&mut bytes).await?,
            Event::Find(hash) => match find(&hash) {
                Some(torrent) => machine.found(torrent),
                None => return Ok(false),
            },
            Event::Done(established) => {
                transport.settle(*established);
                return Ok(true);
            }
        }
    }
}

async fn read(transport: &mut Transport) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; CHUNK];
    let count = transport.read(&mut bytes).await?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(count);
    Ok(bytes)
}

fn noise() -> Noise {
    let len = || usize::from(rand::random::<u16>()) % (PAD_MAX + 1);
    let mut pad = vec![0; len()];
    rand::fill(&mut pad[..]);
    Noise {
        secret: rand::random(),
        pad,
        second_pad_len: len() / 8,
    }
}
