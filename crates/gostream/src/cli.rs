//! The command line: reads it, prepares what every command needs, runs one,
//! and turns its end into an exit code (0 ok, 1 failed, 2 bad input).
//!
//! Called by `main`. Commands that change the library go through a running
//! server if there is one and through [`App::open_library`] if not; both are
//! a `LibraryControl`, so each command is written once. Only `output`
//! writes to the standard output; messages go to the standard error.

mod app;
mod args;
mod context;
mod failure;
mod library;
pub mod output;
mod progress;
mod samba;
mod settings;
mod settings_change;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, Parser as _};

use gostream_http::LibraryControl as _;

use crate::{
    control::ControlClient,
    doctor::Level,
    logging::{Audience, LastWords},
};

pub use crate::logging::LogSwitch;
pub use app::{App, OpenLibrary};
pub use args::{Args, Command, ImportArgs};
pub use context::Context;
pub use failure::Failure;
pub(crate) use settings_change::apply as change_settings;

/// Runs the command line `arguments` (the first is the program's name).
pub fn run(arguments: impl IntoIterator<Item = OsString>, app: &dyn App) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are "errors" of clap's too, printed to stdout
            // with code 0; a closed pipe is nobody's fault.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    let last_words = LastWords;
    let done = dispatch(args, app);
    drop(last_words);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn dispatch(args: Args, app: &dyn App) -> Result<(), Failure> {
    match args.command.unwrap_or(Command::Serve) {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "gostream", &mut script);
            output::raw(&script)
        }
        Command::Config { defaults: true, .. } => output::raw(crate::config::defaults().as_bytes()),
        Command::Config { action: None, .. } => {
            settings::print(&Context::prepare(&args.place, Audience::Person)?)
        }
        Command::Config {
            action: Some(action),
            ..
        } => settings_change::run(&args.place, action),
        Command::Serve => app.serve(Context::prepare(&args.place, Audience::Log)?),
        Command::Demo { keep } => {
            let context = Context::prepare(&args.place, Audience::Person)?;
            app.demo(context, keep)
        }
        Command::Add(add) => {
            let context = Context::prepare(&args.place, Audience::Person)?;
            library::add(&context, app, add)
        }
        Command::Ls { long } => {
            let context = Context::prepare(&args.place, Audience::Person)?;
            library::ls(&context, app, long)
        }
        Command::Backup { file } => {
            app.backup(&Context::prepare(&args.place, Audience::Person)?, &file)
        }
        Command::Restore { file } => {
            app.restore(&Context::prepare(&args.place, Audience::Person)?, &file)
        }
        Command::Bans { lift } => app.bans(&Context::prepare(&args.place, Audience::Person)?, lift),
        Command::Import(import) => app.import(&Context::prepare_to_write(&args.place)?, &import),
        Command::Doctor => doctor(&Context::prepare(&args.place, Audience::Person)?),
        Command::SambaConfig(asked) => {
            let context = Context::prepare(&args.place, Audience::Person)?;
            samba::run(&context, asked)
        }
        Command::Rm { paths } => {
            let context = Context::prepare(&args.place, Audience::Person)?;
            library::rm(&context, app, paths)
        }
        Command::Refused { lift } => {
            let context = Context::prepare(&args.place, Audience::Person)?;
            if lift.is_empty() {
                library::refused(&context, app)
            } else {
                library::lift(&context, app, lift)
            }
        }
    }
}

/// What a running server says of itself; nothing when it does not answer.
fn ask_status(server: &ControlClient) -> Option<gostream_http::Status> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(server.status()).ok()
}

/// Prints what the doctor found; fails when something keeps GoStream from
/// working.
fn doctor(context: &Context) -> Result<(), Failure> {
    let server = ControlClient::find(&context.directories.control_socket());
    let status = server.as_ref().ok().and_then(ask_status);
    let findings = crate::doctor::examine(
        &context.config,
        &context.directories,
        server.is_ok(),
        status.as_ref(),
    );
    output::lines(&findings)?;
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(Failure::Reported);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
