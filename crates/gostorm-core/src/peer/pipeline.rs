//! How many blocks a peer is asked for at a time.
//!
//! The depth doubles each round trip while the rate still grows, and then holds what the measured rate needs. One that
//! was full and ran dry all the same was too short, whatever the rate: the peer had nothing left to send. It sends in
//! bursts, by the clock of its own limit or of delayed acknowledgements, or we look rarely; no rate can be measured
//! between bursts that empty the pipeline, so nothing else would ever lengthen it. Then it doubles, and shrinks
//! slowly from there to what the rate needs. Once says nothing: what comes after a lost packet comes at once, too.

/// Depth of a new peer's pipeline, in blocks.
pub(super) const START: u32 = 8;
/// Smallest depth of a healthy peer's pipeline.
pub(super) const MIN: u32 = 3;
/// Largest depth: 256 blocks (4 MiB) keep a LAN busy; more only costs time to the first byte.
pub(super) const MAX: u32 = 256;
/// A part of what the rate does not explain goes with each sample of the rate.
const SHRINK_DIVISOR: u32 = 8;

/// The depth of one peer's pipeline.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    depth: u32,
    ramping: bool,
    ramp_rate: f64,
    /// At the end of the last turn as many blocks were asked for as may be.
    full: bool,
    /// Times that it ran dry since a rate was measured.
    dry: u32,
    /// The depth is no less: it ran dry with less.
    floor: u32,
}

impl Pipeline {
    /// A pipeline that grows from `depth`.
    pub(super) const fn new(depth: u32) -> Self {
        Self {
            depth,
            ramping: true,
            ramp_rate: 0.0,
            full: false,
            dry: 0,
            floor: 0,
        }
    }

    pub(super) const fn depth(&self) -> u32 {
        self.depth
    }

    /// The scheduler has had its turn; `full` when it may ask for nothing more.
    pub(super) const fn turned(&mut self, full: bool) {
        self.full = full;
    }

    /// A block came. `measured` is a new rate in bytes per second, and `needs` the blocks that the rate keeps on their
    /// way; `held_back`: our own limit keeps it short.
    pub(super) fn on_block(&mut self, measured: Option<f64>, needs: u32, held_back: bool) {
        if self.ramping && !held_back {
            self.depth = (self.depth + 1).min(MAX);
            if let Some(rate) = measured {
                self.ramping = rate > self.ramp_rate * 1.1;
                self.ramp_rate = self.ramp_rate.max(rate);
            }
        }
        if measured.is_some() {
            self.dry = 0;
            self.floor -= self.floor.div_ceil(SHRINK_DIVISOR);
            if !self.ramping {
                self.depth = needs.max(self.floor);
            }
        }
    }

    /// All that was asked for has come. True when that was too little.
    pub(super) fn ran_dry(&mut self) -> bool {
        if !std::mem::take(&mut self.full) {
            return false;
        }
        self.dry += 1;
        let too_short = self.dry > 1;
        if too_short {
            self.floor = self.depth.saturating_mul(2).min(MAX);
            self.depth = self.floor;
        }
        too_short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that has settled at what a slow peer needs.
    fn settled() -> Pipeline {
        let mut pipeline = Pipeline::new(START);
        pipeline.on_block(Some(1_000.0), MIN, false);
        pipeline.on_block(Some(1_000.0), MIN, false);
        assert_eq!(pipeline.depth(), MIN);
        pipeline
    }

    #[test]
    fn one_that_was_full_and_ran_dry_doubles_and_shrinks_slowly() {
        let mut pipeline = settled();
        pipeline.turned(true);
        pipeline.ran_dry();
        assert_eq!(pipeline.depth(), MIN, "once may be a lost packet");
        for _ in 0..4 {
            pipeline.turned(true);
            pipeline.ran_dry();
        }
        assert_eq!(pipeline.depth(), MIN << 4);
        pipeline.on_block(Some(1_000.0), MIN, false);
        assert_eq!(pipeline.depth(), (MIN << 4) * 7 / 8);
        for _ in 0..100 {
            pipeline.on_block(Some(1_000.0), MIN, false);
        }
        assert_eq!(pipeline.depth(), MIN);
        for _ in 0..100 {
            pipeline.turned(true);
            pipeline.ran_dry();
        }
        assert_eq!(pipeline.depth(), MAX);
    }

    #[test]
    fn one_that_runs_dry_because_nothing_more_was_wanted_stays_as_it_is() {
        let mut pipeline = settled();
        for _ in 0..100 {
            pipeline.turned(true);
            pipeline.turned(false);
            pipeline.ran_dry();
        }
        assert_eq!(pipeline.depth(), MIN);
    }
}
