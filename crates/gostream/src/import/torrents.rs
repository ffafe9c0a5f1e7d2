//! The list of torrents, as `POST /torrents {"action":"list"}` answers it.

use gostream_http::BroughtTorrent;

use super::found::Found;
use super::node::Node;

/// Adds the torrents of the list.
pub(super) fn read(list: &[Node<'_>], found: &mut Found) -> Result<(), String> {
    for entry in list {
        if !entry.is_object() {
            return Err(entry.mistake("expected a torrent: an object with a hash"));
        }
        let hash = entry.hash()?;
        let torrent = one(entry, hash.to_string(), "name")?;
        found.brought.torrents.push(torrent);
    }
    Ok(())
}

/// What one object says of a torrent; `name` is where its name stands, for when it has no title.
pub(super) fn one(
    entry: &Node<'_>,
    hash: String,
    name: &'static str,
) -> Result<BroughtTorrent, String> {
    let title = entry.text("title")?;
    let added = entry.whole("timestamp")?.unwrap_or(0);
    Ok(BroughtTorrent {
        hash,
        title: if title.is_empty() {
            entry.text(name)?
        } else {
            title
        },
        poster: entry.text("poster")?,
        category: entry.text("category")?,
        data: entry.text("data")?,
        // 0: when it is taken over.
        added_at_unix: i64::try_from(added).unwrap_or(0),
        ..BroughtTorrent::default()
    })
}
