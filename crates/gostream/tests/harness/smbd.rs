//! A real Samba server (Debian's smbd) on loopback that shares a mount, smbclient, and an SMB client in Python.
//!
//! The share is the one that `gostream samba-config` prints. Users, locks and logs are in a directory of
//! its own: the machine's Samba is not touched.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::cli::{self, Finished};
use super::process::Process;
use super::server::Server;
use super::{free_port, python, tool, wait};

const START: Duration = Duration::from_secs(30);
/// Reading a small film through Samba, on a busy machine.
const ANSWER: Duration = Duration::from_secs(90);
const SHARE: &str = "films";
/// For whom smbd reads: nobody that the server runs as. Debian has it from the start.
const USER: &str = "daemon";
/// Its number.
pub(crate) const USER_ID: u32 = 1;
const PASSWORD: &str = "pw1";

/// A server that runs; it ends when it is dropped.
pub(crate) struct Smbd {
    port: u16,
    config: PathBuf,
    process: Process,
    _directory: TempDir,
}

impl Smbd {
    /// Shares the mount of `server` as `samba-config` with `arguments` says.
    pub(crate) fn start(server: &Server, arguments: &[&str]) -> Self {
        let mut command = vec!["samba-config", "--share", SHARE];
        command.extend(arguments);
        let share = server.place.run(&command).success();
        // The user has to get to the mount.
        let above = server.place.data_dir.parent().unwrap();
        fs::set_permissions(above, Permissions::from_mode(0o711)).unwrap();
        let directory = tempfile::Builder::new().prefix("smbd").tempdir().unwrap();
        let port = free_port();
        let config = directory.path().join("smb.conf");
        fs::write(&config, settings(directory.path(), port) + &share).unwrap();
        add_user(&config);
        // Not with --no-process-group: at its end it would then take the test, which is in its group, along.
        let mut command = Command::new("/usr/sbin/smbd");
        command.args(["--foreground", "--debug-stdout"]);
        command.arg(format!("--configfile={}", config.display()));
        let smbd = Self {
            port,
            config,
            process: Process::start("smbd (apt-get install samba)", &mut command),
            _directory: directory,
        };
        wait::until("smbd answers", START, || {
            (smbd.smbclient("ls").code == Some(0)).then_some(())
        });
        smbd
    }

    /// Runs commands of smbclient on a connection of their own.
    pub(crate) fn smbclient(&self, commands: &str) -> Finished {
        let mut command = Command::new("smbclient");
        command.args(["-p", &self.port.to_string()]);
        command.args(["-U", &format!("{USER}%{PASSWORD}")]);
        command.arg(format!("//127.0.0.1/{SHARE}"));
        cli::finish(command.args(["-c", commands]), ANSWER)
    }

    /// A client that stays connected.
    pub(crate) fn connect(&self) -> SmbClient {
        let mut command = Command::new(python());
        command.arg(tool("smb_client.py"));
        command.args(["--port", &self.port.to_string(), "--share", SHARE]);
        command.args(["--user", USER, "--password", PASSWORD]);
        let process = Process::start("smb_client.py", &mut command);
        let ready: Value = serde_json::from_str(&process.line(START)).unwrap();
        assert_eq!(ready["ready"], json!(true));
        SmbClient { process }
    }

    /// Has smbd let go of all clients of the share, as an administrator does.
    pub(crate) fn close_share(&self) {
        let mut command = Command::new("smbcontrol");
        command.arg(format!("--configfile={}", self.config.display()));
        cli::finish(command.args(["smbd", "close-share", SHARE]), START).success();
    }
}

impl Drop for Smbd {
    fn drop(&mut self) {
        // By SIGTERM it ends its children, one a client, too.
        self.process.terminate(START);
    }
}

/// A client in Python; the requests are those of `smb_client.py`.
pub(crate) struct SmbClient {
    process: Process,
}

impl SmbClient {
    /// What the server answered, or the error that it gave.
    pub(crate) fn ask(&mut self, request: &Value) -> Result<Value, String> {
        self.process.tell(&request.to_string());
        let told: Value = serde_json::from_str(&self.process.line(ANSWER)).unwrap();
        match told.get("error") {
            Some(error) => Err(error.as_str().unwrap().to_owned()),
            None => Ok(told["answer"].clone()),
        }
    }

    /// Name, inode and size of what is in a directory, by name.
    pub(crate) fn list(&mut self, path: &str) -> Vec<(String, u64, u64)> {
        let listed = self.ask(&json!({"do": "list", "path": path})).unwrap();
        let entry = |entry: &Value| {
            let inode = entry["inode"].as_u64().unwrap();
            assert_eq!(entry["stat_inode"].as_u64().unwrap(), inode, "{entry}");
            let name = entry["name"].as_str().unwrap().to_owned();
            (name, inode, entry["size"].as_u64().unwrap())
        };
        let mut entries: Vec<_> = listed.as_array().unwrap().iter().map(entry).collect();
        entries.sort();
        entries
    }
}

fn settings(directory: &Path, port: u16) -> String {
    let mut text = format!(
        "[global]\n server role = standalone server\n interfaces = lo\n bind interfaces only = yes\n \
         smb ports = {port}\n disable netbios = yes\n server min protocol = SMB2_10\n load printers = no\n \
         printing = bsd\n printcap name = /dev/null\n disable spoolss = yes\n log level = 1\n"
    );
    for (name, folder) in [
        ("private dir", "private"),
        ("lock directory", "lock"),
        ("state directory", "state"),
        ("cache directory", "cache"),
        ("pid directory", "pid"),
        ("ncalrpc dir", "ncalrpc"),
    ] {
        let folder = directory.join(folder);
        fs::create_dir(&folder).unwrap();
        text += &format!(" {name} = {}\n", folder.display());
    }
    text + &format!(" log file = {}\n", directory.join("log").display())
}

/// Guests are not enough: the Python client cannot be one.
fn add_user(config: &Path) {
    let mut command = Command::new("smbpasswd");
    command.arg("-c").arg(config).args(["-s", "-a", USER]);
    let mut process = Process::start("smbpasswd (apt-get install samba)", &mut command);
    process.tell(PASSWORD);
    process.tell(PASSWORD);
    process.wait_end(START);
}
