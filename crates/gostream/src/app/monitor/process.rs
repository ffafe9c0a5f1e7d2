//! What the kernel says of this process (proc_pid_stat(5)).

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// In seconds and bytes; zero where the kernel does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) start_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
}

pub(super) fn now() -> Process {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let since_boot = uptime.split(' ').next().and_then(|text| text.parse().ok());
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let boot = since_epoch
        .zip(since_boot)
        .map(|(now, up): (_, f64)| now.as_secs_f64() - up);
    let mut process = of_stat(&stat, boot.unwrap_or_default()).unwrap_or_default();
    process.open_files = fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    process
}

/// `boot`: when the machine started, in seconds since 1970.
fn of_stat(stat: &str, boot: f64) -> Option<Process> {
    // The name of the program stands in parentheses and may hold anything; field 3 follows it.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = rustix::param::clock_ticks_per_second();
    #[expect(clippy::cast_precision_loss, reason = "ticks are far below 2^52")]
    let seconds = |number: usize| Some(field(number)? as f64 / ticks as f64);
    Some(Process {
        cpu_seconds: seconds(14)? + seconds(15)?,
        start_seconds: boot + seconds(22)?,
        resident_bytes: field(24)? * rustix::param::page_size() as u64,
        virtual_bytes: field(23)?,
        threads: field(20)?,
        open_files: 0,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_program_whose_name_has_parentheses_is_read() {
        let stat = "7 (a) S b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 300 5000000 25 1 1";
        let process = of_stat(stat, 1000.0).unwrap();
        let tick = 1.0 / f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).unwrap());
        assert!((process.cpu_seconds - 200.0 * tick).abs() < 1e-9);
        assert!((process.start_seconds - 1000.0 - 300.0 * tick).abs() < 1e-9);
        assert_eq!((process.threads, process.virtual_bytes), (9, 5_000_000));
        assert_eq!(of_stat("7 (x) S 1", 0.0), None);
    }

    #[test]
    fn this_process_has_memory_threads_and_files() {
        let process = now();
        assert!(process.resident_bytes > 0 && process.threads > 0 && process.open_files > 2);
        assert!(process.start_seconds > 1e9);
    }
}
