//! Every figure in one table: its name, its unit, what it says and where it comes from.
//!
//! The names follow Prometheus: base units at the end, `_total` for what only grows. `docs/METRICS.md` is printed from
//! the table.

mod around;
mod metric;
mod reading;
mod swarm;

use gostream_http::Family;

use self::metric::Metric;
use super::seen::Seen;

/// Rows that belong together.
struct Table {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a heading of the documentation")
    )]
    title: &'static str,
    rows: &'static [Metric],
}

/// All of them.
const TABLES: &[Table] = &[
    Table {
        title: "Reads",
        rows: reading::READS,
    },
    Table {
        title: "Playback",
        rows: reading::PLAYBACK,
    },
    Table {
        title: "Engine",
        rows: swarm::ENGINE,
    },
    Table {
        title: "Memory",
        rows: swarm::MEMORY,
    },
    Table {
        title: "Network",
        rows: swarm::NETWORK,
    },
    Table {
        title: "Mount and library",
        rows: around::MOUNT,
    },
    Table {
        title: "Warm cache",
        rows: around::WARM,
    },
    Table {
        title: "Web ports",
        rows: around::WEB,
    },
    Table {
        title: "Process",
        rows: around::PROCESS,
    },
];

/// Every figure now.
pub(super) fn families(seen: &Seen) -> Vec<Family> {
    let rows = TABLES.iter().flat_map(|table| table.rows);
    rows.map(|row| Family {
        name: row.name,
        help: row.help,
        kind: row.kind,
        samples: (row.read)(seen),
    })
    .collect()
}

#[cfg(test)]
mod tests;
