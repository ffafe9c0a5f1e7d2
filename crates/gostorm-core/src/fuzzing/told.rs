//! What is told of readers in the fuzz target, beside their reads.

use super::{Model, Numbers};
use crate::{Expected, Input, ReaderKey};

impl Model {
    /// A reader comes from elsewhere, or somebody watches it.
    pub(super) fn told(&self, numbers: &mut Numbers<'_>) -> Input {
        let reader = Self::pick(&self.readers, numbers, ReaderKey(0));
        if numbers.byte().is_multiple_of(4) {
            let confirmed = !numbers.byte().is_multiple_of(4);
            return Input::Confirm { reader, confirmed };
        }
        Input::Expect(Expected {
            reader,
            position: self.range(numbers).end,
            read: u64::from(numbers.byte()).pow(3),
        })
    }
}
