//! The rows. What has no counterpart shows what TorrServer has by default.

use super::row::{Meaning, Number, Row, Side, Word};

const MIB: u64 = 1024 * 1024;

const WINDOWS: &str = "windows follow the bitrate of the film";
const PLACES: &str = "pieces are not kept on disk; see warm_cache for heads and tails";
const FIXED: &str = "it cannot be switched here";
const NO_HTTPS: &str = "there is no HTTPS here";
/// Why a name is not imported that says nothing here.
pub const NOTHING_LIKE_IT: &str = "there is nothing like it here";

/// All names that `/settings` shows.
pub const TABLE: &[Row] = &[
    number(
        "CacheSize",
        Number {
            scale: MIB,
            zero_is_default: true,
            ..plain("read_ahead_budget_mb", &[64 * MIB, 96 * MIB, 128 * MIB])
        },
    ),
    nothing("ReaderReadAHead", Word::Whole(95), WINDOWS),
    nothing("PreloadCache", Word::Whole(50), WINDOWS),
    Row {
        not_imported: Some(PLACES),
        ..flag("UseDisk", &[set("warm_cache")])
    },
    nothing("TorrentsSavePath", Word::Text(""), PLACES),
    nothing("RemoveCacheOnDrop", Word::Flag(false), PLACES),
    flag(
        "ForceEncrypt",
        &[
            words("encryption_outgoing", "require", "prefer"),
            words("encryption_incoming", "require", "prefer"),
        ],
    ),
    number("RetrackersMode", plain("retrackers_mode", &[1])),
    number(
        "TorrentDisconnectTimeout",
        Number {
            zero_is_default: true,
            ..plain("disconnect_timeout_seconds", &[0, 15, 30])
        },
    ),
    flag("EnableDebug", &[words("log_level", "DEBUG", "INFO")]),
    nothing("EnableIPv6", Word::Flag(true), FIXED),
    nothing("DisableTCP", Word::Flag(false), FIXED),
    flag("DisableUTP", &[unset("utp")]),
    flag("DisableUPNP", &[words("port_forwarding", "off", "auto")]),
    flag("DisableDHT", &[unset("dht")]),
    nothing("DisablePEX", Word::Flag(false), FIXED),
    flag("DisableUpload", &[set("disable_upload")]),
    number("DownloadRateLimit", plain("download_limit_kb", &[0])),
    number("UploadRateLimit", plain("upload_limit_kb", &[0])),
    number(
        "ConnectionsLimit",
        Number {
            zero_is_default: true,
            ..plain("connections_per_torrent", &[0, 25])
        },
    ),
    number("PeersListenPort", plain("torrent_port", &[0])),
    nothing("SslPort", Word::Whole(0), NO_HTTPS),
    nothing("SslCert", Word::Text(""), NO_HTTPS),
    nothing("SslKey", Word::Text(""), NO_HTTPS),
    Row {
        // TorrServer has it on by default, so that it says nothing of what its user wants.
        not_imported: Some("see verification, which has a price"),
        ..flag(
            "ResponsiveMode",
            &[words("verification", "responsive", "verified")],
        )
    },
    nothing("ShowFSActiveTorr", Word::Flag(true), NOTHING_LIKE_IT),
    nothing("StoreSettingsInJson", Word::Flag(true), NOTHING_LIKE_IT),
    Row {
        name: "BlockListURL",
        meaning: Meaning::Blocklist,
        not_imported: None,
    },
    nothing("AdaptiveShield", Word::Flag(true), FIXED),
    nothing("AggressivePeerManagement", Word::Flag(true), FIXED),
    nothing("EnableDLNA", Word::Flag(false), NOTHING_LIKE_IT),
    nothing("FriendlyName", Word::Text(""), NOTHING_LIKE_IT),
    nothing("EnableRutorSearch", Word::Flag(false), NOTHING_LIKE_IT),
    flag("EnableLPD", &[set("lsd")]),
];

const fn number(name: &'static str, number: Number) -> Row {
    Row {
        name,
        meaning: Meaning::Number(number),
        not_imported: None,
    }
}

const fn plain(key: &'static str, their_defaults: &'static [u64]) -> Number {
    Number {
        key,
        scale: 1,
        zero_is_default: false,
        their_defaults,
    }
}

const fn flag(name: &'static str, sides: &'static [Side]) -> Row {
    Row {
        name,
        meaning: Meaning::Flag(sides),
        not_imported: None,
    }
}

const fn nothing(name: &'static str, word: Word, why: &'static str) -> Row {
    Row {
        name,
        meaning: Meaning::Nothing(word),
        not_imported: Some(why),
    }
}

/// A switch that is on when the flag is set.
const fn set(key: &'static str) -> Side {
    Side {
        key,
        on: Word::Flag(true),
        off: Word::Flag(false),
    }
}

/// A switch that is off when the flag is set.
const fn unset(key: &'static str) -> Side {
    Side {
        key,
        on: Word::Flag(false),
        off: Word::Flag(true),
    }
}

const fn words(key: &'static str, on: &'static str, off: &'static str) -> Side {
    Side {
        key,
        on: Word::Text(on),
        off: Word::Text(off),
    }
}
