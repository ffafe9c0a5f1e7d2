//! What the operations share: the settings, the tree of the moment, the open handles, the waiting reads.
//!
//! One for each mount, behind an `Arc`: the request threads, the publisher and the unmount hold it. Only the
//! tree is ever replaced, and only as a whole.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::FsConfig;
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
            handles: Handles::new(Arc::clone(&metrics)),
            inflight: Arc::new(Inflight::new(Arc::clone(&metrics))),
            metrics,
        }
    }
}
