//! The settings of a TorrServer (BTSets), and what has a counterpart here.
//!
//! A setting at TorrServer's default says nothing of what its user wants, and is left out.

use crate::config::{Kind, keys};

use super::found::{Found, Setting};
use super::node::Node;

const MIB: u64 = 1024 * 1024;
/// TorrServer's and its descendants' defaults of CacheSize.
const CACHE_DEFAULTS: [u64; 3] = [64 * MIB, 96 * MIB, 128 * MIB];

/// Adds what the object says.
pub(super) fn read(sets: &Node<'_>, found: &mut Found) -> Result<(), String> {
    for (name, value) in sets.members()? {
        one(name, &value, &mut found.settings)?;
    }
    Ok(())
}

fn one(name: &str, value: &Node<'_>, settings: &mut Vec<Setting>) -> Result<(), String> {
    let number = |key: &'static str, unit: u64, defaults: &[u64]| {
        let theirs = value.as_whole()?;
        Ok::<_, String>((!defaults.contains(&theirs)).then(|| whole(name, key, theirs / unit)))
    };
    // What this flag means when it is set; unset is the default of all of these.
    let flag = |meaning: &[(&'static str, &str)]| {
        let set = value.as_flag()?;
        let meaning = meaning.iter().filter(|_| set);
        Ok::<_, String>(
            meaning
                .map(|(key, json)| Setting::Here(key, (*json).to_owned()))
                .collect(),
        )
    };
    let new: Vec<Setting> = match name {
        "CacheSize" => number("read_ahead_budget_mb", MIB, &CACHE_DEFAULTS)?
            .into_iter()
            .collect(),
        "RetrackersMode" => number("retrackers_mode", 1, &[1])?.into_iter().collect(),
        "TorrentDisconnectTimeout" => number("disconnect_timeout_seconds", 1, &[0, 15, 30])?
            .into_iter()
            .collect(),
        "DownloadRateLimit" => number("download_limit_kb", 1, &[0])?.into_iter().collect(),
        "UploadRateLimit" => number("upload_limit_kb", 1, &[0])?.into_iter().collect(),
        "ConnectionsLimit" => number("connections_per_torrent", 1, &[0, 25])?
            .into_iter()
            .collect(),
        "PeersListenPort" => number("torrent_port", 1, &[0])?.into_iter().collect(),
        "ForceEncrypt" => flag(&[
            ("encryption_outgoing", "\"require\""),
            ("encryption_incoming", "\"require\""),
        ])?,
        "EnableDebug" => flag(&[("log_level", "\"DEBUG\"")])?,
        "DisableUPNP" => flag(&[("port_forwarding", "\"off\"")])?,
        "DisableDHT" => flag(&[("dht", "false")])?,
        "DisableUpload" => flag(&[("disable_upload", "true")])?,
        "DisableUTP" => flag(&[("utp", "false")])?,
        "BlockListURL" => match value.as_text()?.as_str() {
            "" => Vec::new(),
            url => vec![
                Setting::Here("blocklist_url", serde_json::Value::from(url).to_string()),
                Setting::Here("blocklist_enabled", "true".to_owned()),
            ],
        },
        _ => vec![Setting::Nowhere(name.to_owned(), why_not(name))],
    };
    settings.extend(new);
    Ok(())
}

fn whole(name: &str, key: &'static str, value: u64) -> Setting {
    let fits = keys::find(key).is_none_or(|key| match &key.kind {
        Kind::Int { range, .. } => range.contains(&value),
        Kind::Number { .. }
        | Kind::Text { .. }
        | Kind::Flag { .. }
        | Kind::TextList { .. }
        | Kind::Object => true,
    });
    if fits {
        Setting::Here(key, value.to_string())
    } else {
        Setting::Nowhere(
            name.to_owned(),
            "its value is out of the range of its counterpart",
        )
    }
}

fn why_not(name: &str) -> &'static str {
    match name {
        "ReaderReadAHead" | "PreloadCache" => "windows follow the bitrate of the film",
        "UseDisk" | "TorrentsSavePath" | "RemoveCacheOnDrop" => {
            "pieces are not kept on disk; see warm_cache for heads and tails"
        }
        "EnableIPv6" | "DisableTCP" | "DisablePEX" => "it cannot be switched here",
        "ResponsiveMode" => "see verification, which has a price",
        "SslPort" | "SslCert" | "SslKey" => "there is no HTTPS here",
        _ => "there is nothing like it here",
    }
}

/// What to tell the user.
pub(super) fn lines(settings: &[Setting]) -> Vec<String> {
    if settings.is_empty() {
        return Vec::new();
    }
    let mut here = Vec::new();
    let mut nowhere = Vec::new();
    for setting in settings {
        match setting {
            Setting::Here(key, value) => here.push(format!("  \"{key}\": {value},")),
            Setting::Nowhere(name, why) => nowhere.push(format!("  {name}: {why}")),
        }
    }
    let mut lines = Vec::new();
    if here.is_empty() {
        lines.push("settings: all that have a counterpart here are at their defaults".to_owned());
    } else {
        lines.push("settings: put these lines into config.json, if you want them".to_owned());
        lines.extend(here);
    }
    if !nowhere.is_empty() {
        lines.push("settings without a counterpart here:".to_owned());
        lines.extend(nowhere);
    }
    lines
}
