//! One file over HTTP: which bytes a request asks for ([`select`]), and the answer ([`answer`]).
//!
//! Used by every port that serves bytes of films, so that ranges and validators mean the same everywhere.

pub(crate) mod answer;
mod body;
mod select;
