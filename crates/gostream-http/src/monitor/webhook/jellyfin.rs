//! The shape of Jellyfin's webhook plugin: of our template, or of all its properties.

use serde_json::Value;

use super::{
    ids::{base_name, imdb},
    lenient::{number, text},
};
use crate::monitor::notice::{Event, Notice, Section, Told};

/// What a notification says of a viewer.
pub(super) fn event(name: &str) -> Option<Event> {
    match name {
        "PlaybackStart" | "PlaybackProgress" => Some(Event::Play),
        "PlaybackStop" => Some(Event::Stop),
        _ => None,
    }
}

pub(super) fn read(body: &Value) -> Told {
    let name = text(body, &["event", "NotificationType"]);
    if name.is_empty() {
        return Told::NoEvent;
    }
    let Some(event) = event(&name) else {
        return Told::Other;
    };
    let section = match text(body, &["item_type", "ItemType"]).as_str() {
        "Movie" => Section::Movie,
        "Episode" => Section::Show,
        _ => return Told::Other,
    };
    let path = text(body, &["path", "Path"]);
    Told::Notice(Box::new(Notice {
        event,
        section,
        viewer: viewer(body),
        imdb: imdb(&text(body, &["imdb", "Provider_imdb"])),
        files: base_name(&path).into_iter().collect(),
        plex_item: None,
        title: text(body, &["title", "Name"]),
        series: text(body, &["series", "SeriesName"]),
        year: number(body, &["year", "Year"]),
        season: number(body, &["season", "SeasonNumber"]),
        episode: number(body, &["episode", "EpisodeNumber"]),
    }))
}

fn viewer(body: &Value) -> String {
    let device = text(body, &["device", "DeviceId"]);
    let item = text(body, &["item_id", "ItemId", "title", "Name"]);
    if device.is_empty() {
        let user = text(body, &["user", "NotificationUsername", "UserId"]);
        format!("jellyfin user {user} item {item}")
    } else {
        // One that leaves an item tells when: several sessions of one browser have one id.
        format!("jellyfin device {device} item {item}")
    }
}
