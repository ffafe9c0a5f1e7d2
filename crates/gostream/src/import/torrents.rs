//! The list of torrents, as `POST /torrents {"action":"list"}` answers it.

use gostream_store::ListedTorrent;

use super::found::Found;
use super::node::Node;

/// Adds the torrents of the list.
pub(super) fn read(list: &[Node<'_>], now_unix: i64, found: &mut Found) -> Result<(), String> {
    for entry in list {
        if !entry.is_object() {
            return Err(entry.mistake("expected a torrent: an object with a hash"));
        }
        let hash = entry.hash()?;
        let title = entry.text("title")?;
        let title = if title.is_empty() {
            entry.text("name")?
        } else {
            title
        };
        let added = entry.whole("timestamp")?.unwrap_or(0);
        found.torrents.push(ListedTorrent {
            hash,
            title,
            poster: entry.text("poster")?,
            category: entry.text("category")?,
            data: entry.text("data")?,
            added_at_unix: match i64::try_from(added) {
                Ok(0) | Err(_) => now_unix,
                Ok(added) => added,
            },
        });
    }
    Ok(())
}
