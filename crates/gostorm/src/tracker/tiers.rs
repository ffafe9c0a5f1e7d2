//! The tiers of trackers that one torrent uses (BEP 12), made of what the torrent, the store and the user name.
//!
//! Called by a driver when its torrent wakes. A tracker is in one tier only, no tier is empty, what cannot be asked is
//! left out, and there are at most [`TRACKERS_MAX`] in all, the torrent's own first. A private torrent has its own
//! trackers and no others, whatever the user wants for the rest (BEP 27).

use rustc_hash::FxHashSet;
use url::Url;

/// Trackers used of one torrent.
pub(crate) const TRACKERS_MAX: usize = 64;
/// Longest URL that is used.
const URL_LEN_MAX: usize = 4_096;

/// What is done about the trackers that a torrent brings along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetrackersMode {
    /// They stay as they are.
    #[default]
    Leave,
    /// The default ones are asked as well.
    Add,
    /// They are not asked.
    Remove,
    /// The default ones are asked in their place.
    Replace,
}

/// What the user wants done about trackers. None of it concerns private torrents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retrackers {
    /// About those of the torrents.
    pub mode: RetrackersMode,
    /// The default ones.
    pub defaults: Vec<String>,
    /// Asked for every torrent, whatever the mode.
    pub extra: Vec<String>,
}

impl Retrackers {
    /// The same without what cannot be asked; says how much that was.
    pub(crate) fn cleaned(self) -> Self {
        let mut skipped = 0;
        let mut clean = |urls: Vec<String>| {
            let mut list = List::default();
            list.add(vec![urls]);
            skipped += list.skipped;
            list.tiers.concat()
        };
        let cleaned = Self {
            mode: self.mode,
            defaults: clean(self.defaults),
            extra: clean(self.extra),
        };
        if skipped > 0 {
            tracing::warn!(
                skipped,
                "some of the trackers in the settings are no udp, http or https URLs"
            );
        }
        cleaned
    }
}

/// The trackers of one torrent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tiers {
    /// Tier after tier, the torrent's own first.
    pub(crate) tiers: Vec<Vec<String>>,
    /// How many trackers are the torrent's own.
    pub(crate) own: usize,
    /// How many it brought that cannot be asked.
    pub(crate) skipped: usize,
}

/// What is asked of a torrent's own trackers, those `known` and `more`, and what is added to them. Whether a torrent is
/// private is not known before its info dict is: until then it counts as public.
pub(crate) fn choose(
    known: Vec<Vec<String>>,
    more: Vec<Vec<String>>,
    wanted: &Retrackers,
    private: bool,
) -> Tiers {
    let mode = if private {
        RetrackersMode::Leave
    } else {
        wanted.mode
    };
    let mut list = List::default();
    if matches!(mode, RetrackersMode::Leave | RetrackersMode::Add) {
        list.add(known);
        list.add(more);
    }
    let (own, skipped) = (list.len(), list.skipped);
    if matches!(mode, RetrackersMode::Add | RetrackersMode::Replace) {
        list.add(each_alone(&wanted.defaults));
    }
    if !private {
        list.add(each_alone(&wanted.extra));
    }
    Tiers {
        tiers: list.tiers,
        own,
        skipped,
    }
}

/// A list does not say which trackers stand for each other.
fn each_alone(urls: &[String]) -> Vec<Vec<String>> {
    urls.iter().map(|url| vec![url.clone()]).collect()
}

/// Tiers without repetitions: trackers that differ only in how the host is written are one, and the first way of
/// writing it stays.
#[derive(Default)]
struct List {
    tiers: Vec<Vec<String>>,
    seen: FxHashSet<String>,
    skipped: usize,
}

impl List {
    fn len(&self) -> usize {
        self.seen.len()
    }

    fn add(&mut self, tiers: Vec<Vec<String>>) {
        for tier in tiers {
            let mut kept = Vec::new();
            for url in tier {
                let Some(key) = key(&url) else {
                    self.skipped += 1;
                    continue;
                };
                if self.seen.len() < TRACKERS_MAX && self.seen.insert(key) {
                    kept.push(url.trim().to_owned());
                }
            }
            if !kept.is_empty() {
                self.tiers.push(kept);
            }
        }
    }
}

/// What makes two URLs the same tracker: all but the case of scheme and host. None: it cannot be asked.
fn key(url: &str) -> Option<String> {
    let parsed = Url::parse(url.trim())
        .ok()
        .filter(|_| url.len() <= URL_LEN_MAX)?;
    let scheme = parsed.scheme();
    let host = parsed.host_str()?.to_ascii_lowercase();
    let port = parsed.port_or_known_default();
    if !matches!(scheme, "udp" | "http" | "https") || host.is_empty() {
        return None;
    }
    let query = parsed.query().unwrap_or_default();
    Some(format!(
        "{scheme}://{host}:{port:?}{}?{query}",
        parsed.path()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiers(tiers: &[&[&str]]) -> Vec<Vec<String>> {
        let owned = |tier: &&[&str]| tier.iter().map(|url| (*url).to_owned()).collect();
        tiers.iter().map(owned).collect()
    }

    fn chosen(mode: RetrackersMode, private: bool) -> Tiers {
        let list = |url: &str| vec![url.to_owned()];
        let wanted = Retrackers {
            mode,
            defaults: list("udp://default.example:1"),
            extra: list("udp://extra.example:1"),
        };
        choose(
            tiers(&[&["udp://own.example:1"]]),
            Vec::new(),
            &wanted,
            private,
        )
    }

    #[test]
    fn a_tracker_stands_once_where_it_was_named_first() {
        let known = tiers(&[&["udp://A.example:1/announce", "http://b.example/announce"]]);
        let more = tiers(&[
            &["http://B.example:80/announce", "udp://a.example:1/announce"],
            &["udp://a.example:2/announce", "http://b.example/Announce"],
            &["http://b.example/announce?key=1"],
        ]);
        let mut expected = known.clone();
        expected.extend(more[1..].iter().cloned());
        let united = choose(known, more, &Retrackers::default(), false);
        assert_eq!((united.tiers, united.own), (expected, 5));
    }

    #[test]
    fn what_cannot_be_asked_is_left_out_and_counted() {
        let odd = tiers(&[
            &["wss://a.example/", "", "tracker", " udp://a.example:1 "],
            &["udp://"],
        ]);
        let chosen = choose(odd, Vec::new(), &Retrackers::default(), false);
        assert_eq!(chosen.tiers, tiers(&[&["udp://a.example:1"]]));
        assert_eq!(chosen.skipped, 4);
    }

    #[test]
    fn each_mode_does_what_it_says() {
        let (own, default, extra) = (
            "udp://own.example:1",
            "udp://default.example:1",
            "udp://extra.example:1",
        );
        for (mode, expected, ours) in [
            (RetrackersMode::Leave, tiers(&[&[own], &[extra]]), 1),
            (
                RetrackersMode::Add,
                tiers(&[&[own], &[default], &[extra]]),
                1,
            ),
            (RetrackersMode::Remove, tiers(&[&[extra]]), 0),
            (RetrackersMode::Replace, tiers(&[&[default], &[extra]]), 0),
        ] {
            let public = chosen(mode, false);
            assert_eq!((public.tiers, public.own), (expected, ours), "{mode:?}");
            let private = chosen(mode, true);
            assert_eq!(
                (private.tiers, private.own),
                (tiers(&[&[own]]), 1),
                "{mode:?}"
            );
        }
    }

    #[test]
    fn their_number_is_bounded() {
        let many = (0..200).map(|n| vec![format!("udp://{n}.example:1"), format!("udp://x{n}:1")]);
        let united = choose(many.collect(), Vec::new(), &Retrackers::default(), false);
        assert_eq!(united.tiers.concat().len(), TRACKERS_MAX);
    }
}
