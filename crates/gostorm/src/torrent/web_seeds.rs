//! The web seeds of one torrent: which there are, which serve, when the others are tried again.
//!
//! Part of `links`. The URLs come with the torrent; once its info dict is known each becomes a [`Site`], and while
//! somebody reads, [`ACTIVE_MAX`] of them are opened. What always holds: a seed that has shown to be of no use is not
//! asked again while the torrent is awake; one that only failed is, later and later; nothing is connected before
//! somebody reads.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gostorm_core::{DisconnectReason, PeerKey, web_seed_addr};
use gostorm_wire::web_seed::web_seeds;
use gostorm_wire::{Info, InfoHash, Message, sha1};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use url::Url;

use super::errand::{self, Errand};
use crate::handle::{RemoteState, Via, WebSeedState};
use crate::net::Net;
use crate::peer::{CloseReason, PeerEvent};
use crate::pool::Pool;
use crate::web_seed::{self, Site, WebSeedError, WebSeedHandle};

/// Web seeds that serve at a time: the others are for when one of them fails.
const ACTIVE_MAX: usize = 4;
/// Wait after the first failure; doubles with each further one in a row.
const RETRY_MIN: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(300);
/// One that served for so long has made up for earlier failures.
const SERVED_WELL: Duration = Duration::from_secs(60);

#[derive(Debug)]
enum State {
    Idle {
        not_before: Instant,
    },
    Opening,
    Serving {
        peer: PeerKey,
        handle: WebSeedHandle,
        since: Instant,
    },
    /// For good.
    GivenUp,
}

#[derive(Debug)]
struct Seed {
    number: u64,
    site: Arc<Site>,
    state: State,
    failures: u32,
    error: Option<WebSeedError>,
}

impl Seed {
    fn is_active(&self) -> bool {
        matches!(self.state, State::Opening | State::Serving { .. })
    }

    fn fail(&mut self, error: &WebSeedError) {
        self.error = Some(error.clone());
        if error.is_final() {
            self.state = State::GivenUp;
            return;
        }
        let served_well =
            matches!(&self.state, State::Serving { since, .. } if since.elapsed() >= SERVED_WELL);
        self.failures = if served_well { 1 } else { self.failures + 1 };
        let wait = (RETRY_MIN * (1 << self.failures.min(8)) / 2).min(RETRY_MAX);
        let wait = error.retry_after().map_or(wait, |after| after.max(wait));
        self.state = State::Idle {
            not_before: Instant::now() + wait,
        };
    }
}

/// What names a web seed in the swarm and among the bans: the same in every session.
fn number(info_hash: InfoHash, url: &Url) -> u64 {
    let digest = sha1(&[&info_hash.0[..], url.as_str().as_bytes()].concat());
    let [first, ..] = digest.as_chunks().0 else {
        return 0;
    };
    u64::from_be_bytes(*first)
}

/// The web seeds of one torrent, each with its number and a place here.
#[derive(Debug, Default)]
pub(super) struct WebSeeds {
    urls: Vec<(Url, u64)>,
    seeds: Vec<Seed>,
}

impl WebSeeds {
    /// Takes the URLs of a torrent file or magnet; those that are none, and those that are banned, are left out.
    pub(super) fn set_urls<'a>(
        &mut self,
        info_hash: InfoHash,
        urls: impl IntoIterator<Item = &'a String>,
        banned: &[IpAddr],
    ) {
        self.urls = web_seeds(urls.into_iter().map(String::as_str))
            .into_iter()
            .map(|url| {
                let number = number(info_hash, &url);
                (url, number)
            })
            .filter(|(_, number)| !banned.contains(&web_seed_addr(*number).ip()))
            .collect();
    }

    /// How they stand.
    pub(super) fn states(&self) -> Vec<WebSeedState> {
        let waiting = self.urls.iter().map(|(url, _)| WebSeedState {
            url: url.to_string(),
            serving: false,
            given_up: false,
            error: None,
        });
        let begun = self.seeds.iter().map(|seed| WebSeedState {
            url: seed.site.url().to_string(),
            serving: matches!(seed.state, State::Serving { .. }),
            given_up: matches!(seed.state, State::GivenUp),
            error: seed.error.clone(),
        });
        waiting.chain(begun).collect()
    }

    /// Those that serve, as peers.
    pub(super) fn remotes(&self) -> impl Iterator<Item = RemoteState> {
        let serving = |seed: &&Seed| matches!(seed.state, State::Serving { .. });
        self.seeds.iter().filter(serving).map(|seed| RemoteState {
            addr: web_seed_addr(seed.number),
            client: None,
            via: Via::Http(seed.site.url().to_string()),
            encrypted: seed.site.url().scheme() == "https",
        })
    }

    /// The info dict is known.
    pub(super) fn begin(&mut self, net: &Arc<Net>, info: &Arc<Info>) {
        let now = Instant::now();
        let seed = |(url, number)| Seed {
            number,
            site: Arc::new(Site::new(Arc::clone(net), Arc::clone(info), url)),
            state: State::Idle { not_before: now },
            failures: 0,
            error: None,
        };
        self.seeds = std::mem::take(&mut self.urls)
            .into_iter()
            .map(seed)
            .collect();
    }

    /// Opens as many as may serve, `offset` being where somebody reads.
    pub(super) fn open(&mut self, offset: u64, errands: &mut JoinSet<Errand>) {
        let now = Instant::now();
        let mut active = self.seeds.iter().filter(|seed| seed.is_active()).count();
        for (place, seed) in self.seeds.iter_mut().enumerate() {
            let State::Idle { not_before } = seed.state else {
                continue;
            };
            if not_before <= now && active < ACTIVE_MAX {
                active += 1;
                seed.state = State::Opening;
                errands.spawn(errand::open_web_seed(place, Arc::clone(&seed.site), offset));
            }
        }
    }

    /// One serves: starts its task as `peer`, and gives its number. `None` when it is not waited for any more.
    pub(super) fn serves(
        &mut self,
        place: usize,
        peer: PeerKey,
        pool: Pool,
        events: mpsc::Sender<PeerEvent>,
    ) -> Option<u64> {
        let seed = self.seeds.get_mut(place);
        let seed = seed.filter(|seed| matches!(seed.state, State::Opening))?;
        seed.state = State::Serving {
            peer,
            handle: web_seed::spawn(peer.0, Arc::clone(&seed.site), pool, events),
            since: Instant::now(),
        };
        Some(seed.number)
    }

    /// One could not be opened.
    pub(super) fn failed(&mut self, place: usize, error: &WebSeedError) {
        if let Some(seed) = self.seeds.get_mut(place) {
            seed.fail(error);
        }
    }

    /// It spoiled a piece.
    pub(super) fn give_up(&mut self, number: u64) {
        for seed in self.seeds.iter_mut().filter(|seed| seed.number == number) {
            seed.state = State::GivenUp;
        }
    }

    fn of(&mut self, key: PeerKey) -> Option<&mut Seed> {
        self.seeds
            .iter_mut()
            .find(|seed| matches!(&seed.state, State::Serving { peer, .. } if *peer == key))
    }

    /// Says something to the seed that serves as `key`.
    pub(super) fn send(&mut self, key: PeerKey, message: Message) {
        if let Some(Seed {
            state: State::Serving { handle, .. },
            ..
        }) = self.of(key)
        {
            handle.send(message);
        }
    }

    /// Hands over all that was said. Those that do not take it are added to `lost`.
    pub(super) fn flush(&mut self, lost: &mut Vec<PeerKey>) {
        for seed in &mut self.seeds {
            if let State::Serving { peer, handle, .. } = &mut seed.state
                && !handle.flush()
            {
                lost.push(*peer);
            }
        }
    }

    /// The task of one has ended.
    pub(super) fn closed(&mut self, key: PeerKey, reason: &CloseReason) {
        if let Some(seed) = self.of(key)
            && let CloseReason::WebSeed(error) = reason
        {
            seed.fail(error);
        }
    }

    /// The swarm lets go of one.
    pub(super) fn disconnect(&mut self, key: PeerKey, reason: DisconnectReason) {
        if let Some(seed) = self.of(key) {
            seed.state = match reason {
                DisconnectReason::Corrupt
                | DisconnectReason::Protocol(_)
                | DisconnectReason::Banned => State::GivenUp,
                DisconnectReason::Full
                | DisconnectReason::Crowd
                | DisconnectReason::Replaced
                | DisconnectReason::Duplicate
                | DisconnectReason::Private
                | DisconnectReason::Sleep => State::Idle {
                    not_before: Instant::now() + RETRY_MIN,
                },
            };
        }
    }

    /// One did not take what it was sent: it is tried again later.
    pub(super) fn lose(&mut self, key: PeerKey) {
        self.disconnect(key, DisconnectReason::Full);
    }

    /// The network is gone, by no fault of theirs: those that served are opened again when it is back.
    pub(super) fn suspend(&mut self) {
        let not_before = Instant::now();
        for seed in &mut self.seeds {
            if !matches!(seed.state, State::GivenUp) {
                seed.state = State::Idle { not_before };
                seed.failures = 0;
            }
        }
    }

    /// Ends all of them.
    pub(super) fn clear(&mut self) {
        self.seeds.clear();
    }
}
