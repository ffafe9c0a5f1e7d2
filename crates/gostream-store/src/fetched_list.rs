//! What is known of the blocklist that was downloaded last: when, from where, and what its server calls it.
//!
//! One row of the table `network`. The list itself is a file of the state directory.

use serde::{Deserialize, Serialize};

use crate::{db::Store, error::StoreError};

const NAME: &str = "blocklist";

/// A downloaded list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedList {
    /// From where.
    pub url: String,
    /// When it was last known to be the newest, in seconds since 1970.
    pub checked_unix: u64,
    /// What the server calls that version (`ETag`).
    pub etag: Option<String>,
    /// When the server says that it was made (`Last-Modified`).
    pub last_modified: Option<String>,
}

/// The row; get it from [`Store::fetched_list`].
#[derive(Debug, Clone, Copy)]
pub struct FetchedLists<'a> {
    store: &'a Store,
}

impl Store {
    /// The blocklist that was downloaded last.
    pub fn fetched_list(&self) -> FetchedLists<'_> {
        FetchedLists { store: self }
    }
}

impl FetchedLists<'_> {
    /// What is known; `None` when nothing is, or nothing that can be read.
    pub fn get(&self) -> Result<Option<FetchedList>, StoreError> {
        let value = self.store.network().get(NAME)?;
        // It costs a download at most.
        Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
    }

    /// Keeps it instead of what was kept before, and waits until that is committed.
    pub fn set(&self, list: &FetchedList) -> Result<(), StoreError> {
        // Text and a number: there is nothing in it that JSON cannot say.
        let value = serde_json::to_vec(list).unwrap_or_default();
        self.store.network().put(NAME, value)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_last_list_is_remembered_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gostream.db");
        let list = |checked_unix| FetchedList {
            url: "https://list.example/x.gz".to_owned(),
            checked_unix,
            etag: Some("\"7\"".to_owned()),
            last_modified: None,
        };
        {
            let store = Store::open(&path).unwrap();
            assert_eq!(store.fetched_list().get().unwrap(), None);
            store.fetched_list().set(&list(1)).unwrap();
            store.fetched_list().set(&list(2)).unwrap();
        }
        let store = Store::open(&path).unwrap();
        assert_eq!(store.fetched_list().get().unwrap(), Some(list(2)));
    }
}
