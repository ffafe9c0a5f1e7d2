//! What the operations share: the settings, the tree of the moment, the open handles, the waiting reads.
//!
//! One for each mount, behind an `Arc`: the request threads, the publisher and the unmount hold it. Only the
//! tree is ever replaced, and only as a whole.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::FsConfig;
use crate::drafts::Drafts;
use crate::handles::Handles;
use crate::metrics::FsMetrics;
use crate::reply::Inflight;
use crate::source::MediaSource;
use crate::tree::Tree;

pub(crate) struct Shared {
    pub(crate) config: FsConfig,
    pub(crate) tree: ArcSwap<Tree>,
    pub(crate) source: Arc<dyn MediaSource>,
    pub(crate) handles: Handles,
    pub(crate) drafts: Drafts,
    pub(crate) inflight: Arc<Inflight>,
    pub(crate) metrics: Arc<FsMetrics>,
}

impl Shared {
    pub(crate) fn new(
        config: FsConfig,
        tree: Tree,
        source: Arc<dyn MediaSource>,
        metrics: Arc<FsMetrics>,
    ) -> Self {
        Self {
            config,
            tree: ArcSwap::from_pointee(tree),
            source,
            drafts: Drafts::default(),
            handles: Handles::new(Arc::clone(&metrics)),
            inflight: Arc::new(Inflight::new(Arc::clone(&metrics))),
            metrics,
        }
    }
    /// Ends everybody who reads this film: reads that wait fail now, later ones when they come. How many
    /// handles are open.
    pub(crate) fn close_readers(&self, ino: u64) -> usize {
        let handles = self.handles.close_film(ino);
        self.inflight.fail_file(ino);
        handles
    }
}
