//! What a row of the table says.

/// One name of BTSets.
#[derive(Debug)]
pub struct Row {
    /// The name there.
    pub name: &'static str,
    /// What it is here.
    pub meaning: Meaning,
    /// Why an import does not take it over; it does if this is `None`.
    pub not_imported: Option<&'static str>,
}

/// What a name of BTSets is here.
#[derive(Debug)]
pub enum Meaning {
    /// A whole number.
    Number(Number),
    /// A flag; several keys are one flag, which is on when all of them are.
    Flag(&'static [Side]),
    /// The URL of the blocklist, which `blocklist_url` holds and `blocklist_enabled` puts to use.
    Blocklist,
    /// Nothing; this is what clients read, and what they write is only checked to be of its kind.
    Nothing(Word),
}

/// A number under both names.
#[derive(Debug)]
pub struct Number {
    /// The key here.
    pub key: &'static str,
    /// How many of theirs are one of ours.
    pub scale: u64,
    /// Whether their 0 asks for the default.
    pub zero_is_default: bool,
    /// What TorrServer and its descendants have where nobody chose.
    pub their_defaults: &'static [u64],
}

/// A key behind a flag.
#[derive(Debug)]
pub struct Side {
    /// The key here.
    pub key: &'static str,
    /// What it holds when the flag is set.
    pub on: Word,
    /// What it is given when the flag is taken back.
    pub off: Word,
}

/// A value that is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Yes or no.
    Flag(bool),
    /// A text.
    Text(&'static str),
    /// A whole number.
    Whole(u64),
}
