//! The table of awake torrents: by the hash that names them, and by what it becomes in an encryption handshake.
//!
//! Held by [`Shared`](crate::shared::Shared) behind a leaf lock. What always holds: both maps have the same torrents,
//! so that looking one up costs the same however many are awake. A hybrid has two names (BEP 52): its twin, of the
//! other version, stands for it as well once its info dict is known.

use std::sync::Arc;

use gostorm_wire::InfoHash;
use gostorm_wire::mse::skey_hash;
use rustc_hash::FxHashMap;

use crate::handle::Handle;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Awake {
    handles: FxHashMap<InfoHash, Arc<Handle>>,
    by_skey_hash: FxHashMap<[u8; 20], InfoHash>,
    /// The other name of hybrids: from the twin to the name under which it is awake, and back.
    keys: FxHashMap<InfoHash, InfoHash>,
    twins: FxHashMap<InfoHash, InfoHash>,
}

impl Awake {
    pub(crate) fn get(&self, torrent: InfoHash) -> Option<&Arc<Handle>> {
        let key = self.keys.get(&torrent).unwrap_or(&torrent);
        self.handles.get(key)
    }

    /// The other name of an awake hybrid.
    pub(crate) fn twin(&self, torrent: InfoHash) -> Option<InfoHash> {
        self.twins.get(&torrent).copied()
    }

    /// An awake torrent has another name, which no other torrent has.
    pub(crate) fn set_twin(&mut self, torrent: InfoHash, twin: InfoHash) {
        if self.handles.contains_key(&torrent) && self.get(twin).is_none() {
            self.keys.insert(twin, torrent);
            self.twins.insert(torrent, twin);
            self.by_skey_hash.insert(skey_hash(twin), twin);
        }
    }

    /// The torrent that an encryption handshake means.
    pub(crate) fn meant_by(&self, skey_hash: &[u8; 20]) -> Option<InfoHash> {
        self.by_skey_hash.get(skey_hash).copied()
    }

    /// All of them.
    pub(crate) fn list(&self) -> Vec<(InfoHash, Arc<Handle>)> {
        let all = self.handles.iter();
        all.map(|(torrent, handle)| (*torrent, Arc::clone(handle)))
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.handles.len()
    }

    pub(crate) fn insert(&mut self, torrent: InfoHash, handle: Arc<Handle>) {
        self.handles.insert(torrent, handle);
        self.by_skey_hash.insert(skey_hash(torrent), torrent);
    }

    /// Takes a torrent out if it is this handle that stands for it.
    pub(crate) fn remove(&mut self, torrent: InfoHash, handle: &Arc<Handle>) {
        let listed = self.handles.get(&torrent);
        if listed.is_some_and(|listed| Arc::ptr_eq(listed, handle)) {
            self.handles.remove(&torrent);
            self.by_skey_hash.remove(&skey_hash(torrent));
            if let Some(twin) = self.twins.remove(&torrent) {
                self.keys.remove(&twin);
                self.by_skey_hash.remove(&skey_hash(twin));
            }
        }
    }
}
