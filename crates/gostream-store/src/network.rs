//! What the network parts keep from one run to the next: routing tables, states of fetched lists.
//!
//! Each owner has one value under its name and gives it whatever form it likes. A value is replaced whole, and
//! everything in it can be learnt again.

use rusqlite::{OptionalExtension, params};

use crate::{db::Store, error::StoreError};

/// The table of such values; get it from [`Store::network`].
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    store: &'a Store,
}

impl Store {
    /// What the network parts keep.
    pub fn network(&self) -> Network<'_> {
        Network { store: self }
    }
}

impl Network<'_> {
    /// The value of an owner; `None` when it never kept one.
    pub fn get(&self, owner: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.read("read a state of the network", |db| {
            db.prepare_cached("SELECT value FROM network WHERE name = ?1")?
                .query_row([owner], |row| row.get(0))
                .optional()
        })
    }

    /// Replaces the value of an owner and waits until it is committed.
    pub fn put(&self, owner: &'static str, value: Vec<u8>) -> Result<(), StoreError> {
        self.store.write("keep a state of the network", move |db| {
            db.prepare_cached("INSERT OR REPLACE INTO network (name, value) VALUES (?1, ?2)")?
                .execute(params![owner, value])?;
            Ok(())
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_its_own_latest_value() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db")).unwrap();
        assert_eq!(store.network().get("dht").unwrap(), None);
        store.network().put("dht", vec![1]).unwrap();
        store.network().put("list", vec![2]).unwrap();
        store.network().put("dht", vec![0, 255]).unwrap();
        assert_eq!(store.network().get("dht").unwrap(), Some(vec![0, 255]));
        assert_eq!(store.network().get("list").unwrap(), Some(vec![2]));
    }
}
