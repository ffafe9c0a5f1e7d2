//! Tells the service manager that the start is complete, that all is well, that settings are read again, or that the end has
//! begun: sd_notify(3).
//!
//! Called by `serve`. A datagram to the socket that `$NOTIFY_SOCKET` names; nothing when there is none.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// Mounted, and answering.
    Ready,
    /// Reads its settings again; READY=1 follows.
    Reloading,
    /// Still answering.
    Alive,
    /// On the way down.
    Stopping,
}

/// Tells it. A failure is logged: GoStream works without.
pub(super) fn tell(state: State) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let text = match state {
        State::Ready => "READY=1".to_owned(),
        State::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()),
        State::Alive => "WATCHDOG=1".to_owned(),
        State::Stopping => "STOPPING=1".to_owned(),
    };
    if let Err(error) = send(&socket, &text) {
        tracing::warn!(?socket, %error, "cannot tell the service manager {text}");
    }
}

/// Now, by the clock that the service manager compares with (Type=notify-reload of systemd.service(5)).
fn monotonic_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// Says twice in the time that the service manager allows (sd_watchdog_enabled(3)) that the server is alive: the runtime
/// that drives the engine comes here, and the mount answers a statfs. Where either hangs nothing is said any more, and the
/// service manager starts the server again. Never ends.
pub(super) async fn stay_alive(mount: PathBuf) {
    let Some(allowed) = watchdog(&|name| env::var(name).ok()) else {
        return std::future::pending().await;
    };
    let mut beats = tokio::time::interval(allowed / 2);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let mount = mount.clone();
        // On a thread of its own, which may hang as long as the mount does.
        let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&mount)).await;
        match asked {
            Ok(Ok(_)) => tell(State::Alive),
            Ok(Err(error)) => tracing::error!(%error, "the mount does not answer"),
            Err(panic) => tracing::error!(%panic, "the mount was not asked"),
        }
    }
}

/// Within what time the service manager wants to hear of this process; `None`: it does not.
fn watchdog(variable: &dyn Fn(&str) -> Option<String>) -> Option<Duration> {
    let meant = variable("WATCHDOG_PID").is_none_or(|id| id == std::process::id().to_string());
    let allowed = variable("WATCHDOG_USEC")?.parse().ok().filter(|us| *us > 1);
    allowed.filter(|_| meant).map(Duration::from_micros)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_for_the_process_that_it_names() {
        let own = std::process::id().to_string();
        let asked = |time: Option<&str>, id: Option<&str>| {
            watchdog(&|name| {
                let value = if name == "WATCHDOG_PID" { id } else { time };
                value.map(str::to_owned)
            })
        };
        let minute = Some(Duration::from_secs(60));
        assert_eq!(asked(Some("60000000"), None), minute);
        assert_eq!(asked(Some("60000000"), Some(&own)), minute);
        for (time, id) in [
            (Some("60000000"), Some("1")),
            (Some("0"), None),
            (Some("soon"), None),
            (None, Some(own.as_str())),
        ] {
            assert_eq!(asked(time, id), None, "{time:?} {id:?}");
        }
    }
}
