//! What a blocklist of 700,000 ranges costs: time and memory to load it, plain and packed, and time to ask it.
//!
//! Run by `./bench blocklist`. The list has the shape of published ones: lines of the P2P format with names, sorted by
//! name, of which some overlap. Exits with 1 when a bar is missed. Times are those of the processor, which other work on
//! the machine does not stretch; the file is in memory, so on an idle machine they are those of the clock.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use gostorm::read_blocklist;
use gostorm_wire::Blocklist;

const RANGES: u32 = 700_000;
const ROUNDS: usize = 5;
const LOOK_UPS: u32 = 2_000_000;
const LOAD_MAX: Duration = Duration::from_secs(1);
const MEMORY_MAX: u64 = 10_000_000;
const LOOK_UP_MAX: Duration = Duration::from_micros(1);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<ExitCode> {
    let mut plain = tempfile::tempfile()?;
    write_list(BufWriter::new(&plain))?;
    let mut packed = tempfile::tempfile()?;
    write_list(GzEncoder::new(
        BufWriter::new(&packed),
        Compression::default(),
    ))?;
    let mut kept = true;
    for (kind, file) in [("plain", &mut plain), ("gzip", &mut packed)] {
        let length = file.metadata()?.len();
        let mut loads = Vec::new();
        for _ in 0..ROUNDS {
            loads.push(load(file)?);
        }
        let slowest = loads.iter().map(|load| load.cpu).max().unwrap_or_default();
        let clock = loads
            .iter()
            .map(|load| load.clock)
            .max()
            .unwrap_or_default();
        let memory = loads
            .iter()
            .map(|load| load.memory)
            .max()
            .unwrap_or_default();
        println!(
            "{kind:5} {:5.1} MB: load {:4.0} ms (bar 1000), memory {:4.1} MB (bar 10), worst of {ROUNDS}; by the clock {:.0} ms",
            length as f64 / 1e6,
            slowest.as_secs_f64() * 1e3,
            memory as f64 / 1e6,
            clock.as_secs_f64() * 1e3,
        );
        kept &= slowest <= LOAD_MAX && memory <= MEMORY_MAX;
    }
    plain.rewind()?;
    let (list, report) = read_blocklist(&plain, &|| true)?;
    assert_eq!((report.ranges, report.skipped), (u64::from(RANGES), 0));
    let (time, blocked) = look_up(&list)?;
    println!(
        "look-up {:3.0} ns (bar 1000), the mean of {LOOK_UPS}; {:.0} % were in one of {} ranges",
        time.as_secs_f64() * 1e9,
        f64::from(blocked) * 100.0 / f64::from(LOOK_UPS),
        list.len(),
    );
    kept &= time <= LOOK_UP_MAX;
    println!(
        "{}",
        if kept {
            "every bar is kept"
        } else {
            "a bar is missed"
        }
    );
    Ok(if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The numbers from 0 on, in an order that looks like none (a full cycle of a linear congruence modulo 2^32).
fn scramble(n: u32) -> u32 {
    n.wrapping_mul(2_654_435_761).wrapping_add(12_345)
}

fn write_list(mut out: impl Write) -> std::io::Result<()> {
    for n in 0..RANGES {
        let first = scramble(n);
        let last = first.saturating_add(scramble(n ^ 0x5555) >> 20);
        let (first, last) = (Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last));
        writeln!(out, "Organisation no. {n}, Ltd: office:{first}-{last}")?;
    }
    out.flush()
}

struct Load {
    cpu: Duration,
    clock: Duration,
    /// The most that was resident while it was read, above what was before, bytes.
    memory: u64,
}

fn load(file: &mut File) -> Outcome<Load> {
    file.rewind()?;
    // Makes the peak start anew (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = resident("VmRSS:")?;
    let (start, started) = (Instant::now(), cpu()?);
    let list = read_blocklist(file, &|| true)?;
    let (clock, cpu) = (start.elapsed(), cpu()? - started);
    let peak = resident("VmHWM:")?;
    drop(list);
    Ok(Load {
        cpu,
        clock,
        memory: peak.saturating_sub(before),
    })
}

/// What this thread has taken of the processor.
fn cpu() -> Outcome<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split_whitespace().next().ok_or("an empty schedstat")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

fn resident(field: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("no such field")?.parse::<u64>()? * 1024)
}

/// The mean time of a look-up, and how many addresses were blocked.
fn look_up(list: &Blocklist) -> Outcome<(Duration, u32)> {
    let start = cpu()?;
    let blocked = (0..LOOK_UPS)
        .filter(|n| list.contains(IpAddr::V4(Ipv4Addr::from_bits(scramble(n ^ 0xABCD_EF01)))))
        .count();
    let mean = (cpu()? - start) / LOOK_UPS;
    Ok((mean, u32::try_from(blocked)?))
}
