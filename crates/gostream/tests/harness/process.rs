//! A child process whose output is read by lines, and which never outlives the test.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::wait;

/// How many of the last lines of the standard error are kept to explain a failure.
const KEPT_LINES: usize = 200;

/// A running child.
pub(crate) struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
    /// Starts `command`; `name` stands in messages.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("starting {name} ({command:?}): {error}"));
        let (sender, lines) = channel();
        let output = child.stdout.take().unwrap();
        thread::spawn(move || each_line(output, |line| sender.send(line).is_ok()));
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&errors);
        let stderr = child.stderr.take().unwrap();
        thread::spawn(move || {
            each_line(stderr, |line| {
                let mut kept = kept.lock().unwrap();
                if kept.len() == KEPT_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
                true
            });
        });
        Self {
            name: name.to_owned(),
            input: child.stdin.take(),
            child,
            lines,
            errors,
        }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of the standard output.
    pub(crate) fn line(&self, limit: Duration) -> String {
        match self.lines.recv_timeout(limit) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                panic!(
                    "{} said nothing for {limit:?}\n{}",
                    self.name,
                    self.errors()
                )
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("{} ended\n{}", self.name, self.errors())
            }
        }
    }

    /// Writes a line to the standard input.
    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// The last lines of the standard error.
    pub(crate) fn errors(&self) -> String {
        let kept = self.errors.lock().unwrap();
        let lines: Vec<&str> = kept.iter().map(String::as_str).collect();
        lines.join("\n")
    }

    /// Sends SIGKILL and waits for the end.
    pub(crate) fn kill(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM; returns the exit status, or None if it still runs after `limit`.
    pub(crate) fn terminate(&mut self, limit: Duration) -> Option<ExitStatus> {
        if let Some(status) = self.child.try_wait().unwrap() {
            return Some(status);
        }
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        None
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// True once the process has ended.
    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end.
    pub(crate) fn wait_end(&mut self, limit: Duration) {
        let what = format!("the end of {}", self.name);
        wait::until(&what, limit, || self.ended().then_some(()));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let errors = self.errors();
        if thread::panicking() && !errors.is_empty() {
            eprintln!("--- the last lines of {}:\n{errors}\n---", self.name);
        }
    }
}

fn each_line(stream: impl Read, mut take: impl FnMut(String) -> bool) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        if !take(line) {
            return;
        }
    }
}
