//! The task that keeps the filter's list: one, or none.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::blocklist::{self, BlocklistConfig, Keeper};
use crate::shared::Shared;

/// Keeps this list from now on, and no other.
pub(super) fn keep_list(shared: &Arc<Shared>, list: Option<&BlocklistConfig>) {
    let stop = shared.stop.child_token();
    let before: CancellationToken =
        std::mem::replace(&mut *shared.list_keeper.lock(), stop.clone());
    before.cancel();
    shared.filter.await_list(list.map(|list| list.required));
    if let Some(list) = list {
        let keeper = Keeper {
            filter: Arc::clone(&shared.filter),
            store: Arc::clone(&shared.store),
            stop,
            happenings: shared.happenings.clone(),
        };
        let kept = blocklist::keep(keeper, list.source.clone());
        shared.runtime.spawn(kept);
    }
}
