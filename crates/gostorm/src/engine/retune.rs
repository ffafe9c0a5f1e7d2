//! What a running engine takes over of its settings.

use std::sync::Arc;

use super::Engine;
use super::list::keep_list;
use crate::dial::DialTimeouts;
use crate::tuning::Tuning;

impl Engine {
    /// The settings that can be changed, as they are.
    #[must_use]
    pub fn tuning(&self) -> Arc<Tuning> {
        self.shared.tuning.load_full()
    }

    /// Takes over other settings. May be called from any thread; what they act upon hears of it, nothing is waited for.
    pub fn retune(&self, mut tuning: Tuning) {
        let shared = &self.shared;
        tuning.retrackers = tuning.retrackers.cleaned();
        let tuning = Arc::new(tuning);
        let before = shared.tuning.swap(Arc::clone(&tuning));
        shared.dialer.set_timeouts(DialTimeouts {
            connect: tuning.timeouts.connect,
            handshake: tuning.timeouts.handshake,
        });
        if before.budget_bytes != tuning.budget_bytes {
            shared.memory.resize(tuning.budget_bytes);
        }
        if before.half_open_max != tuning.half_open_max {
            shared.dials.resize(tuning.half_open_max);
        }
        if before.wakes_max != tuning.wakes_max {
            shared.wakes.resize(tuning.wakes_max);
            shared.idle.resize(tuning.wakes_max);
        }
        if before.blocklist != tuning.blocklist {
            keep_list(shared, tuning.blocklist.as_ref());
        }
        // Every driver looks at its shares and its times again.
        shared.limits.retune(&tuning);
    }
}
