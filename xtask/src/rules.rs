//! The rules, one file a family; each is `check(files) -> Vec<Finding>` and reads nothing else.

pub(crate) mod cycles;
pub(crate) mod layers;
pub(crate) mod naming;
pub(crate) mod places;
pub(crate) mod size;
pub(crate) mod sockets;
pub(crate) mod unfinished;
