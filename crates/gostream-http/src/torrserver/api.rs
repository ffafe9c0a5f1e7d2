//! What every route of the API port knows.

use std::sync::{Arc, atomic::AtomicBool};

use tokio::sync::Semaphore;

use crate::{access::LiveAccess, settings::SettingsControl, torrents::TorrentService};

/// Uploads of .torrent files at a time.
const UPLOADS_MAX: usize = 4;
/// Runs of ffprobe at a time.
const PROBES_MAX: usize = 2;

#[derive(Clone)]
pub(super) struct Api {
    pub(super) torrents: Arc<dyn TorrentService>,
    /// Without them their routes find nothing.
    pub(super) settings: Option<Arc<dyn SettingsControl>>,
    pub(super) access: LiveAccess,
    /// Where we are asked; 0 when that is not known.
    pub(super) port: u16,
    pub(super) uploads: Arc<Semaphore>,
    pub(super) probes: Arc<Semaphore>,
    /// Whether it was told why a client may not change settings.
    pub(super) told_of_settings: Arc<AtomicBool>,
}

impl Api {
    pub(super) fn new(
        torrents: Arc<dyn TorrentService>,
        settings: Option<Arc<dyn SettingsControl>>,
        access: LiveAccess,
        port: u16,
    ) -> Self {
        Self {
            torrents,
            settings,
            access,
            port,
            uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
            probes: Arc::new(Semaphore::new(PROBES_MAX)),
            told_of_settings: Arc::default(),
        }
    }
}
