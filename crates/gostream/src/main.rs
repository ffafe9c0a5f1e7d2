//! The program: hands the application to the command line.

use std::process::ExitCode;

use futures_util::future::BoxFuture;
use gostream::cli::{App, Context, Failure, OpenLibrary};

struct Parts;

impl App for Parts {
    fn serve(&self, _context: Context) -> Result<(), Failure> {
        Err(Failure::Failed("the server is not wired yet".to_owned()))
    }

    fn demo(&self, _context: Context) -> Result<(), Failure> {
        Err(Failure::Failed("the server is not wired yet".to_owned()))
    }

    fn open_library<'a>(
        &'a self,
        _context: &'a Context,
    ) -> BoxFuture<'a, Result<Box<dyn OpenLibrary>, Failure>> {
        Box::pin(async { Err(Failure::Failed("the server is not wired yet".to_owned())) })
    }
}

fn main() -> ExitCode {
    gostream::cli::run(std::env::args_os(), &Parts)
}
