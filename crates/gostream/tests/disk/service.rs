//! GoStream under a service manager: what it tells, and the lines of the unit that clean up after it.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::harness::cli::{self, Finished};
use crate::harness::server::{Place, Server, is_mounted};
use crate::harness::workspace;

const LIMIT: Duration = Duration::from_secs(30);

/// The values of a directive of the unit, in order.
fn directives(name: &str) -> Vec<String> {
    let unit = fs::read_to_string(workspace().join("packaging/gostream.service")).unwrap();
    let values = unit
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

/// Runs a command line of the unit on another mount. The prefix has systemd ignore its exit code.
fn run(line: &str, mount: &Path) -> Finished {
    let line = line.strip_prefix('-').unwrap();
    let line = line.replace("/var/lib/gostream/mount", mount.to_str().unwrap());
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    cli::finish(command.args(words), LIMIT)
}

#[test]
fn the_unit_takes_the_mount_of_a_killed_server_off() {
    for name in ["ExecStopPost", "ExecStartPre"] {
        let place = Server::start(json!({})).kill();
        let mount = place.mount();
        assert!(is_mounted(&mount));
        let [line] = &directives(name)[..] else {
            panic!("one {name}");
        };
        assert_eq!(run(line, &mount).code, Some(0), "{line}");
        assert!(!is_mounted(&mount), "{line}");
        // Nothing is mounted after an orderly end: it fails, and that is no matter.
        assert_ne!(run(line, &mount).code, Some(0));
        Server::start_in(place);
    }
}

#[test]
fn the_unit_has_nothing_that_hides_the_mount_or_prevents_it() {
    let unit = fs::read_to_string(workspace().join("packaging/gostream.service")).unwrap();
    let names: Vec<&str> = unit
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    assert!(names.contains(&"ExecStart"), "{names:?}");
    for name in names {
        let hides = [
            "Private",
            "Protect",
            "ReadOnly",
            "ReadWrite",
            "Inaccessible",
            "Bind",
            "Temporary",
            "DynamicUser",
        ];
        let prevents = [
            "NoNewPrivileges",
            "SystemCall",
            "Restrict",
            "Lock",
            "MemoryDeny",
        ];
        let mut starts = hides.iter().chain(&prevents);
        assert!(!starts.any(|start| name.starts_with(start)), "{name}");
    }
}

/// What the service manager hears of a server from start to end.
fn heard(socket: &UnixDatagram, name: &str, watchdog: &str) -> Vec<String> {
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let receive = || {
        let mut text = [0; 256];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    };
    let variables = [("NOTIFY_SOCKET", name), ("WATCHDOG_USEC", watchdog)];
    let server = Server::start_with_all(Place::new(json!({})), &variables);
    let mut told = vec![receive()];
    if watchdog != "0" {
        told.extend([receive(), receive(), receive()]);
    }
    let (status, _) = server.stop();
    assert_eq!(status.code(), Some(0));
    // Between the last beat that is waited for and the end there may be more.
    let last = std::iter::repeat_with(receive).find(|text| text != "WATCHDOG=1");
    told.extend(last);
    told
}

#[test]
fn the_service_manager_hears_when_the_mount_is_there_and_when_the_end_begins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let told = heard(&socket, path.to_str().unwrap(), "0");
    assert_eq!(told, ["READY=1", "STOPPING=1"]);

    let name = format!("gostream-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let told = heard(&socket, &format!("@{name}"), "20000");
    let beat = "WATCHDOG=1";
    assert_eq!(told, ["READY=1", beat, beat, beat, "STOPPING=1"]);
}
