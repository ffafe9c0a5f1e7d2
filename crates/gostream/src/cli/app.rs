//! The application as the command line sees it.
//!
//! Implemented where the parts meet, and passed in by `main`; so the command
//! line depends on no part but the settings and the library's interface.

use std::path::Path;

use futures_util::future::BoxFuture;
use gostream_http::LibraryControl;

use super::{args::ImportArgs, context::Context, failure::Failure};

/// What the command line cannot do by itself. Implemented where the parts
/// meet, and passed in by `main`.
pub trait App {
    /// Runs the server until it is told to stop.
    ///
    /// # Errors
    /// When it cannot start, or ends otherwise than by a signal.
    fn serve(&self, context: Context) -> Result<(), Failure>;

    /// Runs the demonstration; with `keep`, serves its film afterwards until
    /// told to stop.
    ///
    /// # Errors
    /// When a step of it fails.
    fn demo(&self, context: Context, keep: bool) -> Result<(), Failure>;

    /// Writes a backup of everything to `file`, whether a server runs or not.
    ///
    /// # Errors
    /// When it cannot be written, or `file` is something else.
    fn backup(&self, context: &Context, file: &Path) -> Result<(), Failure>;

    /// Puts a backup in place, or has the next start of a running server do it.
    ///
    /// # Errors
    /// When it is no whole backup; then nothing is changed.
    fn restore(&self, context: &Context, file: &Path) -> Result<(), Failure>;

    /// Takes over what another program kept, from a file, a folder or an address.
    ///
    /// # Errors
    /// When something cannot be read, or settings do not go together; then nothing is taken.
    fn import(&self, context: &Context, what: &ImportArgs) -> Result<(), Failure>;

    /// Prints the banned addresses, or lifts the bans of `lift`.
    ///
    /// # Errors
    /// When the state cannot be read, or an address is not banned.
    fn bans(&self, context: &Context, lift: Vec<String>) -> Result<(), Failure>;

    /// Opens the library without a server: takes the lock of the state
    /// directory first. Called within a tokio runtime.
    ///
    /// # Errors
    /// When the lock is taken, or the state cannot be read.
    fn open_library<'a>(
        &'a self,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Box<dyn OpenLibrary>, Failure>>;
}

/// A library opened without a server.
pub trait OpenLibrary: Send {
    /// What can be asked of it.
    fn control(&self) -> &dyn LibraryControl;

    /// Writes what must last and gives back the lock.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}
