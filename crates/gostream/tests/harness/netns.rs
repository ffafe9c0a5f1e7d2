//! Network namespaces of the test's own, and what is seen on their interfaces.
//!
//! A namespace is named after the process and goes when it is dropped, with its interfaces. Programs enter it by
//! nsenter, which leaves the mounts as they are: a film that is mounted inside is seen outside.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::cli;
use super::wait;

const LIMIT: Duration = Duration::from_secs(30);

/// A network of its own, with nothing but a loopback interface that is up.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// A new one. Without `ipv6` its interfaces are silent until somebody sends something.
    pub(crate) fn new(ipv6: bool) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gs{}n{count}", std::process::id());
        run("ip", &format!("netns add {name}"));
        let namespace = Self { name };
        if !ipv6 {
            for which in ["all", "default"] {
                let key = format!("net.ipv6.conf.{which}.disable_ipv6=1");
                namespace.run("sysctl", &format!("-q -w {key}"));
            }
        }
        namespace.ip("link set lo up");
        namespace
    }

    /// A command that runs inside.
    pub(crate) fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--net=/run/netns/{}", self.name));
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Runs a program inside to its end, which must be a good one.
    #[track_caller]
    pub(crate) fn run(&self, program: &str, arguments: &str) -> String {
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace());
        cli::finish(&mut self.inside(&command), LIMIT).success()
    }

    /// `ip ...` inside.
    #[track_caller]
    pub(crate) fn ip(&self, arguments: &str) {
        self.run("ip", arguments);
    }

    /// Joins an interface of this one to an interface of another by a cable. Both are up; none has an address.
    #[track_caller]
    pub(crate) fn join(&self, ours: &str, other: &Self, theirs: &str) {
        let (here, there) = (&self.name, &other.name);
        run(
            "ip",
            &format!("link add {ours} netns {here} type veth peer name {theirs} netns {there}"),
        );
        self.ip(&format!("link set {ours} up"));
        other.ip(&format!("link set {theirs} up"));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What cannot be deleted is not ours any more.
        let mut command = Command::new("ip");
        command.args(["netns", "del", &self.name]);
        let _ = cli::finish(&mut command, LIMIT);
    }
}

#[track_caller]
fn run(program: &str, arguments: &str) {
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace());
    cli::finish(&mut command, LIMIT).success();
}

/// Tcpdump on one interface.
pub(crate) struct Capture<'a> {
    namespace: &'a Namespace,
    tcpdump: Child,
    seen: PathBuf,
    _directory: TempDir,
}

impl<'a> Capture<'a> {
    /// Sees all that goes over `interface` from now on and passes the filter.
    pub(crate) fn start(namespace: &'a Namespace, interface: &str, filter: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("cap").tempdir().unwrap();
        let (seen, said) = (directory.path().join("seen"), directory.path().join("said"));
        let mut command = Command::new("tcpdump");
        command.args(["-i", interface, "-n", "-l", "-U", "--immediate-mode"]);
        command.args(["-Z", "root"]).args(filter.split_whitespace());
        let mut command = namespace.inside(&command);
        command.stdin(Stdio::null());
        command.stdout(File::create(&seen).unwrap());
        command.stderr(File::create(&said).unwrap());
        let tcpdump = command.spawn().unwrap();
        wait::until("tcpdump (./test installs it) listens", LIMIT, || {
            let said = std::fs::read_to_string(&said).unwrap();
            said.contains("listening on").then_some(())
        });
        Self {
            namespace,
            tcpdump,
            seen,
            _directory: directory,
        }
    }

    /// A line for each packet so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.seen).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// A line for each packet up to one that is sent now, to a port of `neighbour` that nobody else sends to: nothing
    /// that was sent before can be missing, and a capture that sees nothing is found out.
    pub(crate) fn seen_until_now(&self, neighbour: &str) -> Vec<String> {
        let send = format!("echo end > /dev/udp/{neighbour}/9");
        let mut command = Command::new("bash");
        command.args(["-c", &send]);
        cli::finish(&mut self.namespace.inside(&command), LIMIT).success();
        let mark = format!("> {neighbour}.9: UDP");
        wait::until("tcpdump sees the last packet", LIMIT, || {
            let mut seen = self.seen();
            let at = seen.iter().position(|line| line.contains(&mark))?;
            seen.truncate(at);
            Some(seen)
        })
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}
