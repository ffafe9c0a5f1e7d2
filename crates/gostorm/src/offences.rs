//! How often peers broke the rules, by the name of what they did.
//!
//! Noted wherever a connection is ended for it: by a peer's task, by a state machine, or before a torrent was named. For
//! those who look at the engine, and for tests. The lock is a leaf.

use std::collections::BTreeMap;
use std::fmt::Debug;

use gostorm_core::DisconnectReason;
use gostorm_wire::Violation;
use parking_lot::Mutex;

use crate::peer::CloseReason;

/// Names that are counted; there are some dozens.
const NAMES_MAX: usize = 200;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Offences(Mutex<BTreeMap<String, u64>>);

impl Offences {
    /// A peer's task has ended.
    pub(crate) fn closed(&self, reason: &CloseReason) {
        match reason {
            CloseReason::Eof
            | CloseReason::Io(_)
            | CloseReason::Broken
            | CloseReason::WebSeed(_) => {}
            CloseReason::Violation(violation) => self.violation(violation),
            CloseReason::MisalignedBlock(_)
            | CloseReason::Flood
            | CloseReason::Idle
            | CloseReason::WriteStalled => self.note(&variant(reason)),
        }
    }

    /// A state machine has let go of a peer.
    pub(crate) fn disconnected(&self, reason: DisconnectReason) {
        match reason {
            DisconnectReason::Protocol(why) => self.note(why),
            DisconnectReason::Corrupt | DisconnectReason::Crowd => self.note(&variant(&reason)),
            DisconnectReason::Full
            | DisconnectReason::Replaced
            | DisconnectReason::Duplicate
            | DisconnectReason::Banned
            | DisconnectReason::Private
            | DisconnectReason::Sleep => {}
        }
    }

    /// What a peer sent is not of the protocol.
    pub(crate) fn violation(&self, violation: &Violation) {
        self.note(&variant(violation));
    }

    /// Anything else that has a name.
    pub(crate) fn note(&self, name: &str) {
        let mut counts = self.0.lock();
        if let Some(count) = counts.get_mut(name) {
            *count += 1;
        } else if counts.len() < NAMES_MAX {
            counts.insert(name.to_owned(), 1);
        }
    }

    /// All of them.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().clone()
    }
}

/// The name of an enum's variant, without what is in it: that comes from the peer.
fn variant(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breach_is_counted_by_its_name_alone() {
        let offences = Offences::default();
        for len in [7, 8] {
            let violation = Violation::MessageTooLong {
                id: Some(5),
                len,
                max: 1,
            };
            offences.closed(&CloseReason::Violation(violation));
        }
        offences.closed(&CloseReason::Flood);
        offences.closed(&CloseReason::Eof);
        offences.disconnected(DisconnectReason::Protocol("a reject of no block"));
        offences.disconnected(DisconnectReason::Replaced);
        let counts: Vec<(String, u64)> = offences.counts().into_iter().collect();
        let expected = [
            ("Flood", 1),
            ("MessageTooLong", 2),
            ("a reject of no block", 1),
        ];
        assert_eq!(
            counts,
            expected.map(|(name, count)| (name.to_owned(), count))
        );
    }
}
