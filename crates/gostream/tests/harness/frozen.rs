//! Threads of a program that stand still, as if they hung.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::process::Process;
use super::{python, tool};

/// How long the tool may take to start, on a busy machine.
const START: Duration = Duration::from_secs(60);

/// They go on when this is dropped.
pub(crate) struct Frozen {
    _tool: Process,
}

impl Frozen {
    /// Stops the threads of a process whose names begin like this; there must be some.
    pub(crate) fn new(process: u32, name: &str) -> Self {
        let mut command = Command::new(python());
        command.arg(tool("freeze_threads.py"));
        command.arg(process.to_string()).arg(name);
        let tool = Process::start("freeze_threads.py", &mut command);
        let said: Value = serde_json::from_str(&tool.line(START)).unwrap();
        assert!(said["frozen"].as_u64() > Some(0), "{name}: {said}");
        Self { _tool: tool }
    }
}
