//! What every route of the API port knows.

use std::sync::Arc;

use crate::{access::Access, torrents::TorrentService};

#[derive(Clone)]
pub(super) struct Api {
    pub(super) torrents: Arc<dyn TorrentService>,
    pub(super) access: Arc<Access>,
}
