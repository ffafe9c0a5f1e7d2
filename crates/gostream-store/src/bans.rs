//! Addresses that sent bad data.
//!
//! The engine adds one when a failed piece was traced to its sender, and loads the list at start. It is small:
//! past [`BANS_MAX`] the oldest go.

use std::net::IpAddr;

use rusqlite::{params, types::Type};

use crate::{db::Store, error::StoreError};

/// Most bans kept.
pub const BANS_MAX: u32 = 10_000;

/// One banned address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// The address, whatever the port.
    pub ip: IpAddr,
    /// Why, for people.
    pub reason: String,
    /// Since when, in seconds since 1970.
    pub since_unix: i64,
}

/// The table of bans; get it from [`Store::bans`].
#[derive(Debug, Clone, Copy)]
pub struct Bans<'a> {
    store: &'a Store,
}

impl Store {
    /// The bans.
    pub fn bans(&self) -> Bans<'_> {
        Bans { store: self }
    }
}

const INSERT: &str = "INSERT OR REPLACE INTO bans (ip, reason, since) VALUES (?1, ?2, ?3)";
const TRIM: &str = "DELETE FROM bans WHERE ip IN
    (SELECT ip FROM bans ORDER BY since DESC, ip LIMIT -1 OFFSET ?1)";

impl Bans<'_> {
    /// Adds or renews a ban and waits until it is committed.
    pub fn add(&self, ban: Ban) -> Result<(), StoreError> {
        self.store.write("save a ban", move |db| add(db, &ban))
    }

    /// Like [`Bans::add`] without waiting; false if it was dropped because too many writes wait.
    pub fn add_later(&self, ban: Ban) -> bool {
        self.store
            .write_later("save a ban", move |db| add(db, &ban))
    }

    /// Lifts a ban; false if there was none.
    pub fn remove(&self, ip: IpAddr) -> Result<bool, StoreError> {
        self.store.write("lift a ban", move |db| {
            Ok(db.execute("DELETE FROM bans WHERE ip = ?1", [ip.to_string()])? > 0)
        })
    }

    /// All bans, the latest first.
    pub fn list(&self) -> Result<Vec<Ban>, StoreError> {
        self.store.read("list the bans", |db| {
            let mut query =
                db.prepare_cached("SELECT ip, reason, since FROM bans ORDER BY since DESC, ip")?;
            let rows = query.query_map([], |row| {
                let ip: String = row.get(0)?;
                Ok(Ban {
                    ip: ip.parse().map_err(|e| {
                        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(e))
                    })?,
                    reason: row.get(1)?,
                    since_unix: row.get(2)?,
                })
            })?;
            rows.collect()
        })
    }
}

fn add(db: &rusqlite::Connection, ban: &Ban) -> rusqlite::Result<()> {
    db.prepare_cached(INSERT)?
        .execute(params![ban.ip.to_string(), ban.reason, ban.since_unix])?;
    db.prepare_cached(TRIM)?.execute([BANS_MAX])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn ban(ip: &str, since_unix: i64) -> Ban {
        Ban {
            ip: ip.parse().unwrap(),
            reason: "sent a bad piece".to_owned(),
            since_unix,
        }
    }

    #[test]
    fn bans_are_listed_renewed_and_lifted() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        store.bans().add(ban("10.0.0.1", 1)).unwrap();
        store.bans().add(ban("2001:db8::1", 2)).unwrap();
        assert!(store.bans().add_later(ban("10.0.0.1", 3)));
        store.flush().unwrap();
        assert_eq!(
            store.bans().list().unwrap(),
            [ban("10.0.0.1", 3), ban("2001:db8::1", 2)]
        );
        assert!(store.bans().remove("10.0.0.1".parse().unwrap()).unwrap());
        assert!(!store.bans().remove("10.0.0.1".parse().unwrap()).unwrap());
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        let fill = |db: &rusqlite::Transaction<'_>| {
            for n in 0..BANS_MAX {
                let ip = std::net::Ipv4Addr::from_bits(n).to_string();
                db.prepare_cached(INSERT)?
                    .execute(params![ip, "", n + 10])?;
            }
            Ok(())
        };
        store.write("fill", fill).unwrap();
        store.bans().add(ban("10.0.0.1", 20_000)).unwrap();
        let list = store.bans().list().unwrap();
        assert_eq!(list.len(), usize::try_from(BANS_MAX).unwrap());
        assert_eq!(
            (list[0].since_unix, list.last().unwrap().since_unix),
            (20_000, 11)
        );
    }
}
