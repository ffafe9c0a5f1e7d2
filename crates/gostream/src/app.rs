//! Where the parts meet: settings → engine, store, library, mount, control socket → a running server.
//!
//! [`Gostream`] is the application that `main` hands to the command line. `parts` builds what every way of
//! running needs; `serve` adds the mount and the socket and waits for the end; `store` and `source` are the
//! adapters through which the engine sees the database, and the file system the engine.

mod parts;
mod serve;
mod source;
mod store;

use futures_util::future::BoxFuture;
use gostream_http::LibraryControl;

use self::parts::Parts;
use crate::cli::{App, Context, Failure, OpenLibrary};

/// The application.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gostream;

impl App for Gostream {
    fn serve(&self, context: Context) -> Result<(), Failure> {
        serve::run(&context)
    }

    fn demo(&self, context: Context, keep: bool) -> Result<(), Failure> {
        crate::demo::run(context, keep)
    }

    fn open_library<'a>(
        &'a self,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Box<dyn OpenLibrary>, Failure>> {
        Box::pin(async move {
            // Any free port: trackers want one, and a short command need not have the usual one.
            let parts = Parts::build(context, parts::listen_addresses(0))?;
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

pub(crate) use self::serve::{Server, wait_for_signal};
pub(crate) use self::source::torrent_files;
pub(crate) use self::store::now_unix;
