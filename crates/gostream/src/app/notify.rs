//! Tells the service manager that the start is complete, or that the end has begun: sd_notify(3).
//!
//! Called by `serve`. A datagram to the socket that `$NOTIFY_SOCKET` names; nothing when there is none.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// Mounted, and answering.
    Ready,
    /// On the way down.
    Stopping,
}

/// Tells it. A failure is logged: GoStream works without.
pub(super) fn tell(state: State) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let text = match state {
        State::Ready => "READY=1",
        State::Stopping => "STOPPING=1",
    };
    if let Err(error) = send(&socket, text) {
        tracing::warn!(?socket, %error, "cannot tell the service manager {text}");
    }
}

fn send(socket: &OsStr, text: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        // An abstract name, whose first byte is zero and written as @.
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address)?;
    Ok(())
}
