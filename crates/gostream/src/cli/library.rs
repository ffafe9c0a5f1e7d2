//! `add`, `ls`, `rm` and `refused`, by a running server or without one.
//!
//! Each is written against [`LibraryControl`] and does not know which of the
//! two it talks to.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use futures_util::{StreamExt as _, future::BoxFuture};
use gostream_http::{
    AddEvent, AddRequest, AddedFile, ControlError, FileState, LibraryControl, ListedFile,
    RefusedTorrent, SocketError, TORRENT_LEN_MAX,
};

use super::{
    app::App, args::AddArgs, context::Context, failure::Failure, output, progress::Progress,
};
use crate::{clock::now_unix, control::ControlClient, link::Link};

/// Adds a torrent and prints the path of each film.
pub(super) fn add(context: &Context, app: &dyn App, args: AddArgs) -> Result<(), Failure> {
    let request = add_request(args)?;
    let files = with_library(context, app, |control| {
        let progress = Progress::start();
        Box::pin(async move {
            let mut show = |event: &_| progress.show(event);
            Ok(run_add(control, request, &mut show).await?)
        })
    })?;
    output::lines(files.into_iter().map(|file| file.path))
}

/// Prints the paths of all films; with `long`, what is known of them.
pub(super) fn ls(context: &Context, app: &dyn App, long: bool) -> Result<(), Failure> {
    let files = with_library(context, app, |control| {
        Box::pin(async move { Ok(control.list().await?) })
    })?;
    if long {
        output::lines(files.iter().map(long_line))
    } else {
        output::lines(files.iter().map(|file| &file.path))
    }
}

/// Removes films, as many as possible, and prints the path of each that went.
pub(super) fn rm(context: &Context, app: &dyn App, paths: Vec<String>) -> Result<(), Failure> {
    let mount = &context.directories.mount;
    let paths: Vec<String> = paths.iter().map(|path| in_library(path, mount)).collect();
    let results = with_library(context, app, |control| {
        Box::pin(async move {
            let mut results = Vec::new();
            for path in paths {
                results.push(control.remove(path).await);
            }
            Ok(results)
        })
    })?;
    output::each(results, |file| file.path)
}

/// Prints what was removed and stays away.
pub(super) fn refused(context: &Context, app: &dyn App) -> Result<(), Failure> {
    let refused = with_library(context, app, |control| {
        Box::pin(async move { Ok(control.refused().await?) })
    })?;
    let now = now_unix();
    output::lines(refused.iter().map(|one| refused_line(one, now)))
}

/// Lifts refusals, as many as possible, and prints the hash of each that is none any more.
pub(super) fn lift(context: &Context, app: &dyn App, hashes: Vec<String>) -> Result<(), Failure> {
    let results = with_library(context, app, |control| {
        Box::pin(async move {
            let mut results = Vec::new();
            for hash in hashes {
                results.push(control.lift(hash).await);
            }
            Ok(results)
        })
    })?;
    output::each(results, |lifted| lifted.hash)
}

/// Adds a torrent, telling `show` how far it is.
///
/// # Errors
/// What the library says, or that it said nothing at the end.
async fn run_add(
    control: &dyn LibraryControl,
    request: AddRequest,
    show: &mut (dyn FnMut(&gostream_http::AddProgress) + Send),
) -> Result<Vec<AddedFile>, ControlError> {
    let mut events = control.add(request);
    while let Some(event) = events.next().await {
        match event {
            AddEvent::Progress(progress) => show(&progress),
            AddEvent::Added(files) => return Ok(files),
            AddEvent::Failed(error) => return Err(error),
        }
    }
    Err(ControlError::failed("the addition ended without a result"))
}

/// Does `work` in the running server, or in this process if there is none.
fn with_library<T>(
    context: &Context,
    app: &dyn App,
    work: impl for<'a> FnOnce(&'a dyn LibraryControl) -> BoxFuture<'a, Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(async {
        match ControlClient::find(&context.directories.control_socket()) {
            Ok(server) => work(&server).await,
            Err(SocketError::NoServer { .. }) => {
                let library = app.open_library(context).await?;
                let result = work(library.control()).await;
                library.close().await;
                result
            }
            Err(error) => Err(error.into()),
        }
    })
}

/// The request for a link; a file is read here, so that the server need not
/// be allowed to.
fn add_request(args: AddArgs) -> Result<AddRequest, Failure> {
    let torrent = match Link::parse(&args.link) {
        Link::File(path) => Some(read_torrent(&path)?),
        Link::Magnet(_) | Link::Url(_) | Link::Hash(_) => None,
    };
    Ok(AddRequest {
        link: args.link,
        dir: args.dir,
        name: args.name,
        torrent,
    })
}

fn read_torrent(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| {
        let hint = if error.kind() == io::ErrorKind::NotFound {
            "; a link is a magnet, a .torrent file, an http(s) URL of one, or an info-hash"
        } else {
            ""
        };
        Failure::BadInput(format!("{}: {error}{hint}", path.display()))
    };
    // One byte more than allowed tells a file that is too long from one that
    // just fits.
    let limit = u64::try_from(TORRENT_LEN_MAX).unwrap_or(u64::MAX) + 1;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() > TORRENT_LEN_MAX {
        return Err(Failure::BadInput(format!(
            "{}: is longer than {TORRENT_LEN_MAX} bytes, this is no .torrent file",
            path.display()
        )));
    }
    Ok(bytes)
}

/// A path as the library has it: `rm` takes those below the mount point too,
/// as a shell completes them.
fn in_library(path: &str, mount: &Path) -> String {
    Path::new(path)
        .strip_prefix(mount)
        .ok()
        .and_then(Path::to_str)
        .unwrap_or(path)
        .trim_matches('/')
        .to_owned()
}

/// Size in bytes, state, hash, path; what is broken, and why.
fn long_line(file: &ListedFile) -> String {
    let ListedFile {
        path,
        size,
        hash,
        state,
    } = file;
    match state {
        FileState::Asleep => format!("{size:>14}  asleep  {hash:40}  {path}"),
        FileState::Awake => format!("{size:>14}  awake   {hash:40}  {path}"),
        FileState::Broken(why) => format!("{size:>14}  broken  {hash:40}  {path}  ({why})"),
    }
}

/// Days since the removal, hash, title.
fn refused_line(refused: &RefusedTorrent, now_unix: i64) -> String {
    let days = now_unix.saturating_sub(refused.since_unix).max(0) / 86_400;
    let title = refused.title.as_deref().unwrap_or_default();
    format!("{days:>5} days  {}  {title}", refused.hash)
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn args(link: &str) -> AddArgs {
        AddArgs {
            link: link.to_owned(),
            dir: None,
            name: None,
        }
    }

    #[test]
    fn a_file_is_read_here_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.torrent");
        std::fs::write(&path, b"d4:info").unwrap();
        let read = add_request(args(path.to_str().unwrap())).unwrap();
        assert_eq!(read.torrent.as_deref(), Some(&b"d4:info"[..]));
        assert_eq!(add_request(args("magnet:?xt=1")).unwrap().torrent, None);
    }

    #[test]
    fn what_is_no_link_and_no_file_is_bad_input_that_says_what_a_link_is() {
        let failure = add_request(args("/nowhere/film.torent")).unwrap_err();
        let text = failure.to_string();
        assert!(matches!(failure, Failure::BadInput(_)), "{text}");
        assert!(text.starts_with("/nowhere/film.torent: "), "{text}");
        assert!(text.contains("a link is a magnet"), "{text}");
    }

    #[test]
    fn a_file_over_the_limit_is_refused_unread() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.mkv");
        let too_long = u64::try_from(TORRENT_LEN_MAX).unwrap() + 1;
        File::create(&path).unwrap().set_len(too_long).unwrap();
        let text = read_torrent(&path).unwrap_err().to_string();
        assert!(text.contains("this is no .torrent file"), "{text}");
    }

    #[test]
    fn a_refusal_is_shown_with_its_age_and_the_title_that_it_holds_for() {
        let mut refused = RefusedTorrent {
            hash: "ab".repeat(20),
            title: Some("thewolf".to_owned()),
            since_unix: 1_000_000,
        };
        let line = refused_line(&refused, 1_000_000 + 3 * 86_400 + 5);
        assert_eq!(line, format!("    3 days  {}  thewolf", "ab".repeat(20)));
        refused.title = None;
        // A clock that was set back.
        let line = refused_line(&refused, 5);
        assert_eq!(line, format!("    0 days  {}", "ab".repeat(20)));
    }

    #[test]
    fn paths_below_the_mount_point_are_understood() {
        let mount = Path::new("/mnt/gs");
        for given in ["/mnt/gs/movies/a.mkv", "movies/a.mkv", "/movies/a.mkv"] {
            assert_eq!(in_library(given, mount), "movies/a.mkv");
        }
        assert_eq!(in_library("/mnt/gsx/a.mkv", mount), "mnt/gsx/a.mkv");
    }
}
