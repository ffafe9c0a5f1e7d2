//! The shape of Plex, which templates for Jellyfin use as well. `guid` and `Guid` are two keys.

use serde_json::Value;

use super::{
    ids::{base_name, imdb_of_guid},
    jellyfin,
    lenient::{list, number, text},
};
use crate::monitor::notice::{Event, Notice, Section, Told};

/// Parts of one film that are looked at.
const FILES_MAX: usize = 16;
/// Digits of the number of an item.
const ITEM_LEN_MAX: usize = 20;

/// What a Plex server says of an item of its library: `GET /library/metadata/{ratingKey}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlexItem {
    /// The IMDb id.
    pub imdb: Option<String>,
    /// The names of its files, without their folders.
    pub files: Vec<String>,
}

impl PlexItem {
    /// Reads the answer; `None`: it describes no item.
    pub fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        list(body.get("MediaContainer")?, "Metadata")
            .first()
            .map(Self::of)
    }

    fn of(film: &Value) -> Self {
        let guids = list(film, "Guid").iter().map(|guid| text(guid, &["id"]));
        let mut guids = guids.chain([text(film, &["guid"])]);
        let parts = list(film, "Media")
            .iter()
            .flat_map(|media| list(media, "Part"));
        let files = parts.filter_map(|part| base_name(&text(part, &["file"])));
        Self {
            imdb: guids.find_map(|guid| imdb_of_guid(&guid)),
            files: files.take(FILES_MAX).collect(),
        }
    }
}

pub(super) fn read(body: &Value) -> Told {
    let name = text(body, &["event"]);
    let event = match name.as_str() {
        "" => return Told::NoEvent,
        "media.play" | "media.resume" | "playback.started" => Event::Play,
        "media.stop" => Event::Stop,
        other => match jellyfin::event(other) {
            Some(event) => event,
            // A pause tears nothing down.
            None => return Told::Other,
        },
    };
    let Some(film) = body.get("Metadata") else {
        return Told::Other;
    };
    let kind = text(film, &["librarySectionType", "type"]).to_ascii_lowercase();
    let section = match kind.as_str() {
        "movie" => Section::Movie,
        "show" | "episode" => Section::Show,
        _ => return Told::Other,
    };
    let PlexItem { imdb, files } = PlexItem::of(film);
    let item = text(film, &["ratingKey"]);
    let is_item = jellyfin::event(&name).is_none()
        && (1..=ITEM_LEN_MAX).contains(&item.len())
        && item.bytes().all(|byte| byte.is_ascii_digit());
    Told::Notice(Box::new(Notice {
        event,
        section,
        viewer: viewer(body, film),
        imdb,
        files,
        plex_item: is_item.then_some(item),
        title: text(film, &["title"]),
        series: text(film, &["grandparentTitle"]),
        year: number(film, &["year"]),
        season: number(film, &["parentIndex"]),
        episode: number(film, &["index"]),
    }))
}

/// A player plays one thing at a time; an account may play several.
fn viewer(body: &Value, film: &Value) -> String {
    let of = |object: &str, names: &[&str]| {
        body.get(object)
            .map(|object| text(object, names))
            .unwrap_or_default()
    };
    let player = of("Player", &["uuid"]);
    if player.is_empty() {
        let item = text(film, &["ratingKey", "guid", "title"]);
        format!(
            "plex account {} item {item}",
            of("Account", &["id", "title"])
        )
    } else {
        format!("plex player {player}")
    }
}
