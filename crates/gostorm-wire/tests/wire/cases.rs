//! Named inputs for the decoders: the shapes that are met, and hostile ones.
//!
//! Each table is used twice: a snapshot shows what every case is answered, and
//! the fuzz corpus must hold every case as a file.

mod blocklists;
mod build;
mod krpc;
mod messages;
mod metainfo;
mod mse;
mod nat;
mod text;
mod trackers;
mod v2;
mod web_seeds;

use std::sync::LazyLock;

pub(crate) use build::{bytes, dict, info, int, list, text as string, torrent};
pub(crate) use trackers::SCRAPED;

/// A table: its fuzz target and its cases, each with a name and an input.
pub(crate) struct Table {
    pub(crate) target: &'static str,
    pub(crate) cases: Vec<(&'static str, Vec<u8>)>,
}

/// All tables, one for each fuzz target.
pub(crate) fn tables() -> &'static [Table] {
    static TABLES: LazyLock<Vec<Table>> = LazyLock::new(make_tables);
    &TABLES
}

fn make_tables() -> Vec<Table> {
    let table = |target, cases| Table { target, cases };
    vec![
        table("metainfo", [metainfo::cases(), v2::torrents()].concat()),
        table("magnet", [text::magnets(), v2::magnets()].concat()),
        table("natpmp", nat::natpmp()),
        table("pcp", nat::pcp()),
        table("tracker_response", text::tracker_answers()),
        table("udp_tracker", trackers::datagrams()),
        table("scrape", trackers::scrapes()),
        table("frame", [messages::frames(), v2::frames()].concat()),
        table("blocklist", blocklists::cases()),
        table("handshake", messages::handshakes()),
        table("extension", messages::extensions()),
        table("ut_metadata", messages::ut_metadata()),
        table("pex", messages::pex()),
        table("mse_in", mse::incoming()),
        table("mse_out", mse::outgoing()),
        table("web_seed", web_seeds::cases()),
        table("krpc", krpc::cases()),
        table("lsd", text::local_announces()),
    ]
}

/// The cases of one target.
pub(crate) fn of(target: &str) -> &'static [(&'static str, Vec<u8>)] {
    let table = tables().iter().find(|table| table.target == target);
    &table.unwrap().cases
}

/// A line for each case: its name and what it is answered.
pub(crate) fn answers(target: &str, answer: impl Fn(&[u8]) -> String) -> String {
    of(target)
        .iter()
        .map(|(name, input)| format!("{name}: {}\n", answer(input)))
        .collect()
}
