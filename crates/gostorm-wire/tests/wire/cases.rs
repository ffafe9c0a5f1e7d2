//! Named inputs for the decoders: the shapes that are met, and hostile ones.
//!
//! Each table is used twice: a snapshot shows what every case is answered, and
//! the fuzz corpus must hold every case as a file.

mod build;
mod messages;
mod metainfo;
mod text;

use std::sync::LazyLock;

pub(crate) use build::{bytes, dict, info, int, list, text as string, torrent};

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
        table("metainfo", metainfo::cases()),
        table("magnet", text::magnets()),
        table("tracker_response", text::tracker_answers()),
        table("frame", messages::frames()),
        table("handshake", messages::handshakes()),
        table("extension", messages::extensions()),
        table("ut_metadata", messages::ut_metadata()),
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
