//! Does the read-ahead budget fit into the memory?
//!
//! Counted: the budget and what the process takes besides. Against it: the
//! machine's memory, or the cgroup's limit when that is lower.

use std::fs;

use super::finding::Finding;
use crate::config::ByteSize;

const ABOUT: &str = "memory";

/// What the process takes besides the budget: 60 MiB.
const BESIDES_BUDGET: u64 = 60 * 1024 * 1024;

/// Share of the memory that may be planned for, in percent.
const SHARE_MAX: u64 = 60;

/// What the system says; none = unknown, or no limit.
#[derive(Debug, Default)]
pub(super) struct Memory {
    machine: Option<u64>,
    cgroup: Option<u64>,
}

/// Reads the sizes.
pub(super) fn look() -> Memory {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let own = own_cgroup(&read("/proc/self/cgroup"));
    Memory {
        machine: machine_bytes(&read("/proc/meminfo")),
        // A limit of any group above holds as well.
        cgroup: own
            .as_deref()
            .into_iter()
            .flat_map(ancestors)
            .filter_map(|group| limit_bytes(&read(&format!("/sys/fs/cgroup{group}/memory.max"))))
            .min(),
    }
}

/// The group's path, of the version 2 hierarchy (cgroups(7)).
fn own_cgroup(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix("0::"))
        .map(|path| path.trim_end_matches('/').to_owned())
}

/// The group and all above it, the root as an empty string.
fn ancestors(group: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(group), |group| {
        group.rfind('/').map(|slash| &group[..slash])
    })
}

/// `MemTotal` in bytes.
fn machine_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The number in `memory.max`; none for `max`.
fn limit_bytes(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

pub(super) fn judge(memory: &Memory, budget: ByteSize) -> Finding {
    let sizes = [(memory.machine, "machine"), (memory.cgroup, "cgroup")];
    let least = sizes
        .into_iter()
        .filter_map(|(bytes, whose)| bytes.map(|bytes| (bytes, whose)))
        .min_by_key(|(bytes, _)| *bytes);
    let Some((there, whose)) = least else {
        return Finding::warning(
            ABOUT,
            "its size cannot be read",
            "is /proc mounted? Otherwise compare read_ahead_budget_mb with the memory yourself",
        );
    };
    let need = budget.as_bytes().saturating_add(BESIDES_BUDGET);
    let mib = |bytes: u64| ByteSize::bytes(bytes).as_mib();
    let seen = format!(
        "{} MiB needed at most, the {whose} has {} MiB",
        mib(need),
        mib(there)
    );
    let fits = (there / 100 * SHARE_MAX).saturating_sub(BESIDES_BUDGET);
    let remedy = format!("set read_ahead_budget_mb to {} or less", mib(fits).max(10));
    if need > there {
        Finding::error(ABOUT, seen, remedy)
    } else if need > there / 100 * SHARE_MAX {
        Finding::warning(ABOUT, format!("{seen}: more than {SHARE_MAX} %"), remedy)
    } else {
        Finding::ok(ABOUT, seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    const MIB: u64 = 1024 * 1024;

    fn judged(machine: u64, cgroup: Option<u64>) -> Finding {
        let memory = Memory {
            machine: Some(machine * MIB),
            cgroup: cgroup.map(|mib| mib * MIB),
        };
        judge(&memory, ByteSize::mib(256))
    }

    #[test]
    fn the_lower_of_machine_and_cgroup_counts() {
        assert_eq!(judged(2048, None).level, Level::Ok);
        assert_eq!(judged(2048, Some(400)).level, Level::Warning);
        assert_eq!(judged(2048, Some(300)).level, Level::Error);
        assert_eq!(judged(300, Some(4096)).level, Level::Error);
    }

    #[test]
    fn the_remedy_is_a_budget_that_fits() {
        let remedy = judged(400, None).remedy;
        assert_eq!(
            remedy.as_deref(),
            Some("set read_ahead_budget_mb to 180 or less")
        );
    }

    #[test]
    fn the_systems_files_are_understood() {
        let meminfo = "MemTotal:        3884356 kB\nMemFree: 1 kB\n";
        assert_eq!(machine_bytes(meminfo), Some(3_884_356 * 1024));
        assert_eq!(limit_bytes("max\n"), None);
        assert_eq!(limit_bytes("1048576\n"), Some(1_048_576));
        let group = own_cgroup("1:cpu:/x\n0::/system.slice/gs.service\n");
        let group = group.as_deref().unwrap_or_default();
        assert_eq!(
            ancestors(group).collect::<Vec<_>>(),
            ["/system.slice/gs.service", "/system.slice", ""]
        );
    }
}
