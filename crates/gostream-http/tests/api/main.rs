//! The versioned API as a program sees it: its document, the viewer, and what every route answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod document;
mod events;
mod library;
mod state;
