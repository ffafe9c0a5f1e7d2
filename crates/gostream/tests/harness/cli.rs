//! The command line of the built binary, run to its end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; None if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Finished {
    /// The output, of a command that must have succeeded.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }

    /// Asserts exit code 2 and a message that has all of `words`, and no panic.
    #[track_caller]
    pub(crate) fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {self:?}");
        }
    }
}

/// The built binary.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gostream"));
    // The user's own settings must not leak into a test.
    for name in [
        "MKV_PROXY_CONFIG_PATH",
        "STATE_DIRECTORY",
        "LOGS_DIRECTORY",
        "JOURNAL_STREAM",
        "NOTIFY_SOCKET",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs `gostream` with a data directory and arguments until it ends.
pub(crate) fn run(
    data_dir: &Path,
    config: Option<&Path>,
    arguments: &[&str],
    limit: Duration,
) -> Finished {
    let mut command = binary();
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command.arg("--data-dir").arg(data_dir).args(arguments);
    finish(&mut command, limit)
}

/// Runs any command until it ends.
pub(crate) fn finish(command: &mut Command, limit: Duration) -> Finished {
    let name = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let id = rustix::process::Pid::from_child(&child);
    let out = drain(child.stdout.take().unwrap());
    let err = drain(child.stderr.take().unwrap());
    let end = std::time::Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if std::time::Instant::now() > end {
            rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
            child.wait().unwrap();
            let (out, err) = (out.join().unwrap(), err.join().unwrap());
            panic!("{name} still ran after {limit:?}\n{out}\n{err}");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    Finished {
        code: status.code(),
        out: out.join().unwrap(),
        err: err.join().unwrap(),
    }
}

fn drain(mut stream: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A broken pipe leaves what came before it.
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// What ffprobe says about the streams of a file, as JSON.
pub(crate) fn ffprobe(path: &Path) -> serde_json::Value {
    let mut command = Command::new("ffprobe");
    command.args([
        "-v",
        "error",
        "-show_entries",
        "format=duration:stream=codec_name",
    ]);
    command.args(["-of", "json"]).arg(path);
    let text = finish(&mut command, Duration::from_secs(60)).success();
    serde_json::from_str(&text).unwrap()
}
