//! The torrents behind the routes, and how one is found by the hash in a path.

use std::sync::Arc;

use crate::{
    error::RequestError,
    looks::TorrentLooks,
    torrents::{TorrentError, TorrentId, TorrentService, TorrentView},
};

/// The torrents, from outside and from inside.
#[derive(Clone)]
pub struct Torrents {
    /// What is known, comes in and goes.
    pub service: Arc<dyn TorrentService>,
    /// What is inside of each.
    pub looks: Arc<dyn TorrentLooks>,
}

impl Torrents {
    /// One that is known.
    pub(super) async fn known(&self, hash: &str) -> Result<TorrentView, RequestError> {
        let id = hash.parse::<TorrentId>();
        let id = id.map_err(|error| RequestError::bad_input(format!("hash: {error}")))?;
        let view = self.service.get(id).await?;
        Ok(view.ok_or(TorrentError::NotFound)?)
    }
}
