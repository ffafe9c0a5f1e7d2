//! The application that `main` hands to the command line: which part answers which command.

use std::path::Path;

use futures_util::future::BoxFuture;
use gostream_http::LibraryControl;

use crate::app::{self, Parts};
use crate::cli::{App, Context, Failure, ImportArgs, OpenLibrary};

/// The application.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gostream;

impl App for Gostream {
    fn serve(&self, context: Context) -> Result<(), Failure> {
        app::serve(&context)
    }

    fn demo(&self, context: Context, keep: bool) -> Result<(), Failure> {
        crate::demo::run(context, keep)
    }

    fn backup(&self, context: &Context, file: &Path) -> Result<(), Failure> {
        app::backup(context, file)
    }

    fn restore(&self, context: &Context, file: &Path) -> Result<(), Failure> {
        app::restore(context, file)
    }

    fn import(&self, context: &Context, what: &ImportArgs) -> Result<(), Failure> {
        crate::import::run(context, what)
    }

    fn bans(&self, context: &Context, lift: Vec<String>) -> Result<(), Failure> {
        app::bans(context, lift)
    }

    fn open_library<'a>(
        &'a self,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Box<dyn OpenLibrary>, Failure>> {
        Box::pin(async move {
            // Any free port: trackers want one, and a short command need not have the usual one.
            let parts = Parts::build(context, app::listen_addresses(0), None)?;
            Ok(Box::new(Offline { parts }) as Box<dyn OpenLibrary>)
        })
    }
}

/// The library in this process, for one command.
struct Offline {
    parts: Parts,
}

impl OpenLibrary for Offline {
    fn control(&self) -> &dyn LibraryControl {
        &*self.parts.librarian
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.parts.librarian.finish().await;
            self.parts.close().await;
        })
    }
}
