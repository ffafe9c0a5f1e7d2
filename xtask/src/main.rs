//! Checks of the code base itself.

fn main() {}
