//! A film as the mount keeps it: what a stub says, less what is only needed to write the stub again.
//!
//! A library has a hundred thousand of them in memory, so each is small: about 100 bytes, and the name in its magnet.
//! Magnets of one source end in the same trackers; those texts are kept once ([`Tails`]).

use std::{collections::HashSet, sync::Arc};

use crate::{hash::TorrentHash, stub::Stub};

/// So many endings of magnets are shared; any further one is kept by its film alone.
const TAILS_MAX: usize = 1000;
/// Where the shared part of a magnet begins.
const TAIL: &str = "&tr=";

/// What the mount knows of a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Film {
    /// The torrent.
    pub hash: TorrentHash,
    /// The 1-based file id of the API; 0 = unknown.
    pub index: u32,
    /// Size in bytes, 1 ..= 2^53.
    pub size: u64,
    /// IMDb id, `tt` and digits.
    pub imdb: Option<Box<str>>,
    /// The magnet up to its first tracker, empty when there is none, and the rest.
    magnet: Box<str>,
    trackers: Option<Arc<str>>,
}

/// Endings of magnets that were seen. One for each run over many stubs.
#[derive(Debug, Default)]
pub struct Tails(HashSet<Arc<str>>);

impl Tails {
    fn shared(&mut self, tail: &str) -> Arc<str> {
        if let Some(known) = self.0.get(tail) {
            return Arc::clone(known);
        }
        let tail: Arc<str> = tail.into();
        if self.0.len() < TAILS_MAX {
            self.0.insert(Arc::clone(&tail));
        }
        tail
    }
}

impl Film {
    /// What is kept of `stub`.
    pub fn new(stub: &Stub, tails: &mut Tails) -> Self {
        let magnet = stub.magnet.as_deref().unwrap_or_default();
        let (head, tail) = magnet.split_at(magnet.find(TAIL).unwrap_or(magnet.len()));
        Self {
            hash: stub.hash,
            index: stub.index,
            size: stub.size,
            imdb: stub.imdb.as_deref().map(Box::from),
            magnet: head.into(),
            trackers: (!tail.is_empty()).then(|| tails.shared(tail)),
        }
    }

    /// How to find the torrent again, as the stub has it.
    pub fn magnet(&self) -> Option<String> {
        let whole = [&*self.magnet, self.trackers.as_deref().unwrap_or_default()].concat();
        (!whole.is_empty()).then_some(whole)
    }
}

impl From<&Stub> for Film {
    fn from(stub: &Stub) -> Self {
        Self::new(stub, &mut Tails::default())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn stub(magnet: Option<&str>) -> Stub {
        let hash = TorrentHash([7; 20]);
        let imdb = Some("tt1234567".to_owned());
        Stub::new("http://h", hash, 3, 9, magnet.map(str::to_owned), imdb).unwrap()
    }

    #[test]
    fn a_film_says_what_its_stub_says() {
        for magnet in [
            None,
            Some("magnet:?xt=urn:btih:07"),
            Some("magnet:?xt=urn:btih:07&dn=a&tr=http://t/a&tr=http://t/b"),
            Some("&tr=odd"),
        ] {
            let film = Film::from(&stub(magnet));
            assert_eq!(film.magnet().as_deref(), magnet);
            assert_eq!((film.index, film.size), (3, 9));
            assert_eq!(film.imdb.as_deref(), Some("tt1234567"));
        }
    }

    #[test]
    fn equal_trackers_are_kept_once() {
        let mut tails = Tails::default();
        let mut film = |name: &str| {
            let magnet = format!("magnet:?dn={name}&tr=http://t/a");
            Film::new(&stub(Some(&magnet)), &mut tails)
        };
        let (a, b) = (film("a"), film("b"));
        assert!(Arc::ptr_eq(&a.trackers.unwrap(), &b.trackers.unwrap()));
        let mut tails = Tails::default();
        for n in 0..=TAILS_MAX {
            Film::new(
                &stub(Some(&format!("magnet:?dn=a&tr=http://t/{n}"))),
                &mut tails,
            );
        }
        assert_eq!(tails.0.len(), TAILS_MAX);
    }
}
