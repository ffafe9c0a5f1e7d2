//! A running `gostream serve` with directories of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::cli::{self, Finished};
use super::free_port;
use super::netns::Namespace;
use super::process::Process;

/// How long a start or a stop may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);
/// How long `add` may take: a magnet has to find its metadata.
const ADD_LIMIT: Duration = Duration::from_secs(90);

/// The directories and the settings of a server, which may be running or not.
pub(crate) struct Place {
    /// Holds everything of one GoStream.
    pub(crate) data_dir: PathBuf,
    /// The settings.
    pub(crate) config: PathBuf,
    _directory: TempDir,
}

impl Place {
    /// New directories; `settings` are keys of config.json besides the ports, which are free ones.
    pub(crate) fn new(settings: Value) -> Self {
        // Short, since the path of a Unix socket has at most 107 bytes.
        let directory = tempfile::Builder::new().prefix("gs").tempdir().unwrap();
        let data_dir = directory.path().join("data");
        fs::create_dir(&data_dir).unwrap();
        let config = directory.path().join("config.json");
        let mut document = Map::new();
        document.insert("torrent_port".to_owned(), json!(free_port()));
        // The machine's own router is none of a test's business.
        document.insert("port_forwarding".to_owned(), json!("off"));
        // A test that asks at a web port opens it.
        document.insert("proxy_listen_port".to_owned(), json!(0));
        document.insert("api_listen_port".to_owned(), json!(0));
        document.insert("metrics_port".to_owned(), json!(0));
        let url = format!("http://127.0.0.1:{}", free_port());
        document.insert("gostorm_url".to_owned(), json!(url));
        // Nothing of a test goes to the internet.
        document.insert("dht".to_owned(), json!(false));
        document.insert("lsd".to_owned(), json!(false));
        // Films come from their peers; the tests of the warm cache turn it on.
        document.insert("warm_cache".to_owned(), json!(false));
        document.extend(settings.as_object().unwrap().clone());
        fs::write(&config, Value::Object(document).to_string()).unwrap();
        Self {
            data_dir,
            config,
            _directory: directory,
        }
    }

    /// Changes settings, for the next start.
    pub(crate) fn set(&self, settings: &Value) {
        let text = fs::read_to_string(&self.config).unwrap();
        let mut document: Map<String, Value> = serde_json::from_str(&text).unwrap();
        document.extend(settings.as_object().unwrap().clone());
        fs::write(&self.config, Value::Object(document).to_string()).unwrap();
    }

    /// Runs another subcommand on the same directories.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        cli::run(&self.data_dir, Some(&self.config), arguments, ADD_LIMIT)
    }

    /// Where the stubs are.
    pub(crate) fn library(&self) -> PathBuf {
        self.data_dir.join("library")
    }

    /// Where the films are.
    pub(crate) fn mount(&self) -> PathBuf {
        self.data_dir.join("mount")
    }

    /// Every file below the library, relative to it.
    pub(crate) fn stubs(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect(&self.library(), &mut found);
        found.sort();
        found
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A killed server leaves its mount behind, and the directory under it must not be
        // removed through it.
        while is_mounted(&self.mount()) {
            let mut command = Command::new("fusermount3");
            command.arg("-uz").arg(self.mount());
            if cli::finish(&mut command, LIMIT).code != Some(0) {
                break;
            }
        }
    }
}

/// A server that runs.
pub(crate) struct Server {
    process: Process,
    /// Its directories; they may be used for another start after this one.
    pub(crate) place: Place,
    /// Where the films are.
    pub(crate) mount: PathBuf,
}

impl Server {
    /// Starts a server with new directories.
    pub(crate) fn start(settings: Value) -> Self {
        Self::start_in(Place::new(settings))
    }

    /// Starts a server and waits for its ready line.
    pub(crate) fn start_in(place: Place) -> Self {
        Self::start_by(place, |command| command)
    }

    /// Like [`Server::start_in`], in a network of the test's own.
    pub(crate) fn start_inside(place: Place, namespace: &Namespace) -> Self {
        Self::start_by(place, |command| namespace.inside(&command))
    }

    /// Like [`Server::start_in`], with a variable of the environment.
    pub(crate) fn start_with(place: Place, name: &str, value: &OsStr) -> Self {
        Self::start_by(place, |mut command| {
            command.env(name, value);
            command
        })
    }

    /// Like [`Server::start_in`], with variables of the environment.
    pub(crate) fn start_with_all(place: Place, variables: &[(&str, &str)]) -> Self {
        Self::start_by(place, |mut command| {
            command.envs(variables.iter().copied());
            command
        })
    }

    /// Like [`Server::start_in`], by a line of sh that ends with `exec "$@"`.
    pub(crate) fn start_by_script(
        place: Place,
        script: &str,
        variables: &[(&str, &OsStr)],
    ) -> Self {
        Self::start_by(place, |command| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script, "sh"]);
            shell.arg(command.get_program()).args(command.get_args());
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => shell.env(name, value),
                    None => shell.env_remove(name),
                };
            }
            shell.envs(variables.iter().copied());
            shell
        })
    }

    fn start_by(place: Place, change: impl FnOnce(Command) -> Command) -> Self {
        let mut server = Self::begin_by(place, change);
        server.until_ready();
        server
    }

    /// Starts a server and waits for nothing.
    pub(crate) fn begin(place: Place) -> Self {
        Self::begin_by(place, |command| command)
    }

    fn begin_by(place: Place, change: impl FnOnce(Command) -> Command) -> Self {
        let mut command = cli::binary();
        command.arg("--config").arg(&place.config);
        command.arg("--data-dir").arg(&place.data_dir).arg("serve");
        let mut command = change(command);
        Self {
            process: Process::start("gostream serve", &mut command),
            mount: place.mount(),
            place,
        }
    }

    /// Waits for its ready line.
    pub(crate) fn until_ready(&mut self) {
        loop {
            let line = self.process.line(LIMIT);
            if let Some(path) = line.strip_prefix("mount: ") {
                self.mount = PathBuf::from(path);
            }
            if line == "ready" {
                break;
            }
        }
        let mount = &self.mount;
        assert!(
            is_mounted(mount),
            "ready, but {} is no mount",
            mount.display()
        );
    }

    /// Adds a torrent; the paths of its films in the mount.
    #[track_caller]
    pub(crate) fn add(&self, link: &str) -> Vec<PathBuf> {
        let out = self.place.run(&["add", link]).success();
        out.lines().map(|line| self.shown(line)).collect()
    }

    /// Where peers reach it.
    pub(crate) fn torrent_port(&self) -> u64 {
        let settings = fs::read_to_string(&self.place.config).unwrap();
        let settings: Value = serde_json::from_str(&settings).unwrap();
        settings["torrent_port"].as_u64().unwrap()
    }

    /// The path under which the mount shows a virtual path.
    pub(crate) fn shown(&self, virtual_path: &str) -> PathBuf {
        let path = Path::new(virtual_path);
        let path = path.strip_prefix(&self.mount).unwrap_or(path);
        self.mount.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The most memory that the process had resident, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// One line of `/proc/PID/status`, given in kB there, in bytes.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }

    /// How many file descriptors the process has open.
    pub(crate) fn open_files(&self) -> u64 {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.process.id()));
        entries.unwrap().count() as u64
    }

    /// Allows the running process so many file descriptors; returns how many it was allowed before.
    pub(crate) fn limit_open_files(&self, most: Option<u64>) -> Option<u64> {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let id = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit {
            current: most.or(maximum),
            maximum,
        };
        prlimit(id, Resource::Nofile, limit).unwrap().current
    }

    /// How many TCP connections the process has open; listening sockets are not counted.
    pub(crate) fn connections(&self) -> usize {
        let inodes = self.socket_inodes();
        let mut count = 0;
        for table in ["tcp", "tcp6"] {
            let path = format!("/proc/{}/net/{table}", self.process.id());
            let text = fs::read_to_string(path).unwrap_or_default();
            for row in text.lines().skip(1) {
                let columns: Vec<&str> = row.split_whitespace().collect();
                // proc_pid_net(5): state in column 3 (0A = listening), inode in column 9.
                if columns[3] != "0A" && inodes.iter().any(|inode| inode == columns[9]) {
                    count += 1;
                }
            }
        }
        count
    }

    /// How many Unix sockets of the process are connected: its own, and one a client.
    pub(crate) fn unix_connections(&self) -> usize {
        let inodes = self.socket_inodes();
        let table = fs::read_to_string("/proc/net/unix").unwrap();
        let rows = table.lines().skip(1).filter(|row| {
            let columns: Vec<&str> = row.split_whitespace().collect();
            // Num RefCount Protocol Flags Type St Inode [Path]; St 03 = connected.
            columns[5] == "03" && inodes.iter().any(|inode| inode == columns[6])
        });
        rows.count()
    }

    fn socket_inodes(&self) -> Vec<String> {
        let path = format!("/proc/{}/fd", self.process.id());
        let entries = fs::read_dir(path).unwrap();
        let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        let names = targets.map(|target| target.to_string_lossy().into_owned());
        names
            .filter_map(|name| Some(name.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect()
    }

    /// The last lines of its log.
    pub(crate) fn log(&self) -> String {
        self.process.errors()
    }

    /// True once the process has ended.
    pub(crate) fn ended(&mut self) -> bool {
        self.process.ended()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end (SIGTERM), and waits for nothing.
    pub(crate) fn terminate(&self) {
        self.process.signal(rustix::process::Signal::TERM);
    }

    /// Has it read its settings again (SIGHUP).
    pub(crate) fn hang_up(&self) {
        self.process.signal(rustix::process::Signal::HUP);
    }

    /// Has it stand still (SIGSTOP) until [`Server::resume`].
    pub(crate) fn pause(&self) {
        self.process.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.process.signal(rustix::process::Signal::CONT);
    }

    /// Stops it by SIGTERM; the exit status and the directories.
    pub(crate) fn stop(mut self) -> (ExitStatus, PlaceAfter) {
        let Some(status) = self.process.terminate(LIMIT) else {
            panic!("still running {LIMIT:?} after SIGTERM\n{}", self.log());
        };
        let still_mounted = is_mounted(&self.mount);
        (
            status,
            PlaceAfter {
                still_mounted,
                place: self.place,
            },
        )
    }

    /// Ends it by SIGKILL, which leaves the mount behind.
    pub(crate) fn kill(mut self) -> Place {
        self.process.kill();
        self.place
    }
}

/// What a stopped server leaves.
pub(crate) struct PlaceAfter {
    /// Whether the mount was still there.
    pub(crate) still_mounted: bool,
    /// Its directories.
    pub(crate) place: Place,
}

/// True if a FUSE file system is mounted at `path`. Never touches the path itself.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let path = path.to_string_lossy();
    table.lines().any(|line| {
        // proc_pid_mountinfo(5): the mount point is column 5, the type follows " - ".
        line.split(' ').nth(4) == Some(&*path) && line.contains(" - fuse")
    })
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}
