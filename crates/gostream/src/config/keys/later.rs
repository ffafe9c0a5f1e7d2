//! Keys that the later upstream added. Those without an effect in this version
//! are checked all the same, so that a mistake shows before the part that
//! reads them is there.

use super::row::{flag, int, list, object, switch, text};
use crate::config::key::{Form, Key};

/// The rows.
pub(super) const KEYS: &[Key] = &[
    switch(
        "blocklist_enabled",
        false,
        Some(|c, on| c.blocklist.enabled = on),
        "Connect to no peer whose address is in the list of blocklist_file or blocklist_url.",
    )
    .live(),
    int(
        "plex.tv_library_id",
        0,
        0..=1_000_000,
        "",
        None,
        "Plex section of series; 0 = none.",
    ),
    text(
        "media_server_type",
        "",
        Form::OneOf(&["", "plex", "jellyfin"]),
        None,
        "Media server to notify; empty means plex.",
    ),
    text(
        "torrentio_url",
        "https://torrentio.strem.fun",
        Form::Url,
        None,
        "Base URL of that indexer.",
    ),
    flag(
        "prowlarr.enabled",
        false,
        "Use Prowlarr as the first indexer.",
    ),
    text(
        "prowlarr.api_key",
        "",
        Form::Any,
        None,
        "Key of the Prowlarr API.",
    )
    .hidden(),
    text("prowlarr.url", "", Form::Url, None, "Base URL of Prowlarr."),
    flag("scheduler.enabled", false, "Run the jobs by themselves."),
    object("scheduler.movies_sync", "When the job for films runs."),
    object("scheduler.tv_sync", "When the job for series runs."),
    object(
        "scheduler.watchlist_sync",
        "How often the watchlist is read.",
    ),
    list(
        "language.preferred_terms",
        &["ita", "multi", "dual"],
        "Words of a release name that are preferred.",
    ),
    list(
        "language.preferred_flags",
        &["IT"],
        "Country codes whose flag is preferred.",
    ),
    list(
        "language.excluded_flags",
        &[
            "ES", "FR", "DE", "RU", "CN", "JP", "KR", "TH", "PT", "BR", "UA", "PL", "NL", "TR",
            "SA", "IN", "CZ", "HU", "RO",
        ],
        "Country codes whose releases are left out.",
    ),
    object(
        "quality_scoring.movies",
        "Weights by which films are ranked.",
    ),
    object("quality_scoring.tv", "Weights by which series are ranked."),
];
