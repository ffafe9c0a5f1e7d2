//! Units of the settings that the standard library lacks.
//!
//! Used by the settings and by whoever prints them.

use std::fmt;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// A number of bytes. Prints in the largest binary unit that divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many KiB (2^10 bytes); capped where bytes would overflow.
    pub const fn kib(kib: u64) -> Self {
        Self(kib.saturating_mul(KIB))
    }

    /// So many MiB (2^20 bytes); capped where bytes would overflow.
    pub const fn mib(mib: u64) -> Self {
        Self(mib.saturating_mul(MIB))
    }

    /// In bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// In whole MiB, rounded down.
    pub const fn as_mib(self) -> u64 {
        self.0 / MIB
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")]
            .into_iter()
            .find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit))
            .unwrap_or((1, "bytes"));
        write!(f, "{} {name}", self.0 / unit)
    }
}

/// Which bytes a film is played from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verification {
    /// Only those whose hash was checked.
    #[default]
    Verified,
    /// Also unchecked ones from peers that have proved themselves, to save a wait.
    Responsive,
}

impl Verification {
    /// The names as config.json has them.
    pub const NAMES: &'static [&'static str] = &["verified", "responsive"];

    /// Reads one of [`Self::NAMES`], in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "verified" => Some(Self::Verified),
            "responsive" => Some(Self::Responsive),
            _ => None,
        }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Everything that helps to find a fault.
    Debug,
    /// What the user asked for and got.
    #[default]
    Info,
    /// What deserves a look.
    Warn,
    /// What failed.
    Error,
}

impl LogLevel {
    /// The names as config.json has them.
    pub const NAMES: &'static [&'static str] = &["DEBUG", "INFO", "WARN", "ERROR"];

    /// Reads one of [`Self::NAMES`], in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "DEBUG" => Some(Self::Debug),
            "INFO" => Some(Self::Info),
            "WARN" => Some(Self::Warn),
            "ERROR" => Some(Self::Error),
            _ => None,
        }
    }

    /// As a filter of the `tracing` crates.
    pub const fn as_filter(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: a JSON object a line.
    Json,
}

impl LogFormat {
    /// The names as config.json has them.
    pub const NAMES: &'static [&'static str] = &["text", "json"];

    /// Reads one of [`Self::NAMES`], in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_print_in_the_largest_exact_unit() {
        let print = |bytes| ByteSize::bytes(bytes).to_string();
        assert_eq!(print(0), "0 bytes");
        assert_eq!(print(1023), "1023 bytes");
        assert_eq!(print(1536 * 1024), "1536 KiB");
        assert_eq!(print(256 * MIB), "256 MiB");
        assert_eq!(print(2 * GIB), "2 GiB");
    }

    #[test]
    fn every_level_reads_its_own_name_in_any_case() {
        for name in LogLevel::NAMES {
            assert!(LogLevel::from_name(&name.to_lowercase()).is_some());
        }
        assert_eq!(LogLevel::from_name("loud"), None);
    }

    #[test]
    fn every_kind_of_verification_reads_its_own_name_in_any_case() {
        for name in Verification::NAMES {
            assert!(Verification::from_name(&name.to_uppercase()).is_some());
        }
        assert_eq!(Verification::from_name("none"), None);
    }

    #[test]
    fn every_format_of_the_log_reads_its_own_name_in_any_case() {
        for name in LogFormat::NAMES {
            assert!(LogFormat::from_name(&name.to_uppercase()).is_some());
        }
        assert_eq!(LogFormat::from_name("xml"), None);
    }
}
