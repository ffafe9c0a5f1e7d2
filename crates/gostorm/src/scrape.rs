//! What trackers say of a torrent that sleeps (BEP 48): numbers only. Nothing wakes, and nobody learns of us as a peer.

use std::sync::Arc;

use gostorm_wire::{Info, InfoHash};
use tokio::task::JoinSet;

use crate::redact;
use crate::shared::Shared;
use crate::tracker::{TrackerState, tiers};

/// Trackers that are asked at a time.
const AT_ONCE: usize = 8;

/// Asks every tracker that the torrent would use, and gives them in their order; none, when the store does not know
/// the torrent.
pub(crate) async fn scrape(shared: Arc<Shared>, info_hash: InfoHash) -> Vec<TrackerState> {
    let store = Arc::clone(&shared.store);
    let loaded = tokio::task::spawn_blocking(move || store.load(info_hash)).await;
    let Ok(Ok(Some(stored))) = loaded else {
        return Vec::new();
    };
    let info = stored.info.and_then(|bytes| Info::parse(&bytes).ok());
    let private = info.is_some_and(|info| info.private());
    let wanted = &shared.tuning.load().retrackers;
    let chosen = tiers::choose(stored.trackers, Vec::new(), wanted, private);
    let mut waiting = (0..).zip(chosen.tiers).flat_map(|(tier, urls)| {
        let state = move |url| TrackerState {
            url,
            tier,
            ..TrackerState::default()
        };
        urls.into_iter().map(state)
    });
    let mut asked = JoinSet::new();
    let mut answered: Vec<(usize, TrackerState)> = Vec::new();
    let mut number = 0;
    loop {
        while asked.len() < AT_ONCE
            && let Some(state) = waiting.next()
        {
            asked.spawn(ask(Arc::clone(&shared), info_hash, number, state));
            number += 1;
        }
        match asked.join_next().await {
            Some(done) => answered.extend(done),
            None => break,
        }
    }
    answered.sort_by_key(|(number, _)| *number);
    answered.into_iter().map(|(_, state)| state).collect()
}

async fn ask(
    shared: Arc<Shared>,
    info_hash: InfoHash,
    number: usize,
    mut state: TrackerState,
) -> (usize, TrackerState) {
    match shared.trackers.scrape(&state.url, info_hash).await {
        Ok(counts) => {
            state.seeders = counts.seeders;
            state.leechers = counts.leechers;
        }
        Err(error) => state.error = Some(redact::answer(&error.to_string(), &state.url)),
    }
    (number, state)
}
