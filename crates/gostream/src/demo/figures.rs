//! What the demonstration measured, and how it is shown.
//!
//! `play` fills it in, `run` prints it. Times are of the wall unless they say otherwise.

use std::fmt;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The figures of one demonstration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figures {
    /// From the magnet to the film in the mount.
    pub(super) path: Duration,
    /// From opening the film to its first bytes, nothing being cached.
    pub(super) first_byte: Duration,
    /// Reading the whole film, with its SHA-256.
    pub(super) whole: Duration,
    /// Bytes of the film.
    pub(super) length: u64,
    /// Bytes that the seeder sent for it.
    pub(super) sent: u64,
    /// From opening the film to the first bytes at 70 %.
    pub(super) seek: Duration,
    /// Processor time of GoStream for the whole film, without player and seeder.
    pub(super) cpu: Duration,
    /// The most memory the process ever had, in bytes; `None` if the system does not tell.
    pub(super) peak_memory: Option<u64>,
    /// The read-ahead budget, in bytes.
    pub(super) budget: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = bytes_to_f64(self.length) / 1e6;
        let seconds = self.whole.as_secs_f64().max(1e-9);
        let (path, first_byte, seek) = (ms(self.path), ms(self.first_byte), ms(self.seek));
        writeln!(f, "  magnet to path   {path}")?;
        writeln!(f, "  first byte       {first_byte}")?;
        writeln!(f, "  whole film       {:>8.0} MB/s", megabytes / seconds)?;
        writeln!(f, "  seek to 70 %     {seek}")?;
        writeln!(
            f,
            "  sent by seeder   {:>8.2} x the film",
            bytes_to_f64(self.sent) / bytes_to_f64(self.length.max(1))
        )?;
        let cpu = self.cpu.as_secs_f64() / (megabytes / 1e3).max(1e-9);
        writeln!(f, "  processor        {cpu:>8.2} s/GB")?;
        match self.peak_memory {
            Some(bytes) => write!(
                f,
                "  peak memory      {:>8.0} MiB (read-ahead budget {} MiB)",
                mib(bytes),
                mib(self.budget)
            ),
            None => write!(f, "  peak memory       unknown"),
        }
    }
}

fn ms(time: Duration) -> String {
    format!("{:>8.1} ms", time.as_secs_f64() * 1e3)
}

fn mib(bytes: u64) -> f64 {
    bytes_to_f64(bytes) / f64::from(1 << 20)
}

/// Bytes of a film or of memory, far below 2^53, where a float is exact.
pub(super) fn bytes_to_f64(bytes: u64) -> f64 {
    bytes as f64
}

/// Processor time of the calling thread.
pub(super) fn thread_cpu() -> Duration {
    cpu_of(ClockId::ThreadCPUTime)
}

/// Processor time of the process.
pub(super) fn process_cpu() -> Duration {
    cpu_of(ClockId::ProcessCPUTime)
}

fn cpu_of(clock: ClockId) -> Duration {
    // Processor time is never negative.
    clock_gettime(clock).try_into().unwrap_or_default()
}

/// The most memory the process ever had (`VmHWM` of proc_pid_status(5)), in bytes.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = kib.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_a_table_with_units() {
        let figures = Figures {
            path: Duration::from_micros(12_340),
            first_byte: Duration::from_millis(3),
            whole: Duration::from_millis(500),
            length: 50_000_000,
            sent: 51_000_000,
            seek: Duration::from_micros(900),
            cpu: Duration::from_millis(55),
            peak_memory: Some(40 << 20),
            budget: 16 << 20,
        };
        let table = "  magnet to path       12.3 ms
  first byte            3.0 ms
  whole film            100 MB/s
  seek to 70 %          0.9 ms
  sent by seeder       1.02 x the film
  processor            1.10 s/GB
  peak memory            40 MiB (read-ahead budget 16 MiB)";
        assert_eq!(figures.to_string(), table);
    }

    #[test]
    fn this_process_has_memory_and_has_used_its_processor() {
        assert!(peak_memory().unwrap() > 1 << 20);
        assert!(process_cpu() >= thread_cpu());
        assert!(thread_cpu() > Duration::ZERO);
    }
}
