//! Whole command lines against an application that only takes notes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use clap::{CommandFactory as _, Parser as _, ValueEnum as _};
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use gostream_http::{
    AddEvent, AddRequest, AddedFile, ApiParts, ControlError, ControlSocket, Events, LibraryControl,
    ListedFile, RefusedTorrent, RemovedFile, Status,
};
use tempfile::TempDir;

use super::{App, Args, Context, Failure, ImportArgs, OpenLibrary, dispatch};

/// What happened, in order, whoever did it.
type Notes = Arc<Mutex<Vec<String>>>;

/// Has no film called `missing`, and adds nothing called `bad`.
#[derive(Clone)]
struct Library {
    who: &'static str,
    notes: Notes,
}

impl Library {
    fn note(&self, what: &str) {
        let note = format!("{} {what}", self.who);
        self.notes.lock().unwrap().push(note);
    }
}

impl LibraryControl for Library {
    fn add(&self, request: AddRequest) -> BoxStream<'static, AddEvent> {
        self.note(&format!("adds {}", request.link));
        let event = if request.link.contains("bad") {
            AddEvent::Failed(ControlError::bad_input("bad link"))
        } else {
            AddEvent::Added(vec![AddedFile {
                path: "movies/a.mkv".to_owned(),
                size: 1,
            }])
        };
        stream::iter([event]).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ListedFile>, ControlError>> {
        self.note("lists");
        async { Ok(Vec::new()) }.boxed()
    }

    fn remove(&self, path: String) -> BoxFuture<'_, Result<RemovedFile, ControlError>> {
        self.note(&format!("removes {path}"));
        async {
            if path.contains("missing") {
                return Err(ControlError::not_found(format!("{path}: no such film")));
            }
            Ok(RemovedFile {
                path,
                torrent_removed: true,
            })
        }
        .boxed()
    }

    fn refused(&self) -> BoxFuture<'_, Result<Vec<RefusedTorrent>, ControlError>> {
        self.note("tells what is refused");
        async { Ok(Vec::new()) }.boxed()
    }

    fn lift(&self, hash: String) -> BoxFuture<'_, Result<RefusedTorrent, ControlError>> {
        self.note(&format!("lifts {hash}"));
        async {
            if hash == "missing" {
                return Err(ControlError::not_found(
                    "missing: no such torrent is refused",
                ));
            }
            Ok(RefusedTorrent {
                hash,
                title: None,
                since_unix: 0,
            })
        }
        .boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, ControlError>> {
        async { Err(ControlError::failed("not asked for")) }.boxed()
    }
}

impl OpenLibrary for Library {
    fn control(&self) -> &dyn LibraryControl {
        self
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.note("closes");
        async {}.boxed()
    }
}

struct NotedApp(Notes);

impl App for NotedApp {
    fn serve(&self, context: Context) -> Result<(), Failure> {
        let port = context.config.engine.torrent_port;
        self.0.lock().unwrap().push(format!("app serves on {port}"));
        Ok(())
    }

    fn demo(&self, _context: Context, keep: bool) -> Result<(), Failure> {
        let then = if keep { " and goes on" } else { "" };
        self.0
            .lock()
            .unwrap()
            .push(format!("app demonstrates{then}"));
        Ok(())
    }

    fn backup(&self, _context: &Context, file: &Path) -> Result<(), Failure> {
        let note = format!("app backs up to {}", file.display());
        self.0.lock().unwrap().push(note);
        Ok(())
    }

    fn restore(&self, _context: &Context, file: &Path) -> Result<(), Failure> {
        let note = format!("app restores {}", file.display());
        self.0.lock().unwrap().push(note);
        Ok(())
    }

    fn import(&self, _context: &Context, what: &ImportArgs) -> Result<(), Failure> {
        let note = format!("app imports {}", what.from);
        self.0.lock().unwrap().push(note);
        Ok(())
    }

    fn bans(&self, _context: &Context, lift: Vec<String>) -> Result<(), Failure> {
        let note = format!("app tells or lifts bans: {}", lift.join(" "));
        self.0.lock().unwrap().push(note);
        Ok(())
    }

    fn open_library<'a>(
        &'a self,
        _context: &'a Context,
    ) -> BoxFuture<'a, Result<Box<dyn OpenLibrary>, Failure>> {
        let library: Box<dyn OpenLibrary> = Box::new(Library {
            who: "app",
            notes: self.0.clone(),
        });
        async { Ok(library) }.boxed()
    }
}

/// A data directory, and what was noted while commands ran in it.
struct Desk {
    dir: TempDir,
    notes: Notes,
}

impl Desk {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            notes: Notes::default(),
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        let place = ["gostream", "--data-dir", self.path().to_str().unwrap()];
        let arguments = place.iter().chain(arguments);
        let args = Args::try_parse_from(arguments).unwrap();
        dispatch(args, &NotedApp(self.notes.clone()))
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }

    /// Runs a server on the control socket while `work` is done.
    fn with_server<T>(&self, work: impl FnOnce() -> T) -> T {
        let state = self.path().join("state");
        std::fs::create_dir_all(&state).unwrap();
        let library = Arc::new(Library {
            who: "server",
            notes: self.notes.clone(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let socket = {
            let _inside = runtime.enter();
            ControlSocket::bind(&state.join("control.sock")).unwrap()
        };
        runtime.spawn(socket.serve(
            gostream_http::router(ApiParts {
                library,
                torrents: None,
                settings: None,
                state: None,
                events: Events::new(0),
            }),
            std::future::pending(),
        ));
        work()
    }
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn every_shell_has_completions_of_every_command() {
    for shell in clap_complete::Shell::value_variants() {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Args::command(), "gostream", &mut script);
        let script = String::from_utf8(script).unwrap();
        for command in Args::command().get_subcommands() {
            assert!(script.contains(command.get_name()), "{shell}");
        }
    }
}

#[test]
fn without_a_command_it_serves() {
    let desk = Desk::new();
    desk.run(&[]).unwrap();
    desk.run(&["serve"]).unwrap();
    desk.run(&["demo"]).unwrap();
    desk.run(&["demo", "--keep"]).unwrap();
    assert_eq!(
        desk.notes(),
        [
            "app serves on 8091",
            "app serves on 8091",
            "app demonstrates",
            "app demonstrates and goes on"
        ]
    );
}

#[test]
fn options_of_all_commands_may_follow_the_command() {
    let desk = Desk::new();
    let config = desk.path().join("c.json");
    std::fs::write(&config, r#"{"torrent_port": 1234}"#).unwrap();
    desk.run(&["serve", "--config", config.to_str().unwrap()])
        .unwrap();
    assert_eq!(desk.notes(), ["app serves on 1234"]);
}

#[test]
fn without_a_server_the_work_is_done_here_and_the_library_closed() {
    let desk = Desk::new();
    desk.run(&["add", "magnet:?good"]).unwrap();
    desk.run(&["ls", "--long"]).unwrap();
    assert_eq!(
        desk.notes(),
        [
            "app adds magnet:?good",
            "app closes",
            "app lists",
            "app closes"
        ]
    );
    let failure = desk.run(&["add", "magnet:?bad"]).unwrap_err();
    assert_eq!(failure, Failure::BadInput("bad link".to_owned()));
    assert_eq!(desk.notes(), ["app adds magnet:?bad", "app closes"]);
}

#[test]
fn a_running_server_does_the_work() {
    let desk = Desk::new();
    desk.with_server(|| {
        desk.run(&["add", "magnet:?good"]).unwrap();
        let failure = desk.run(&["add", "magnet:?bad"]).unwrap_err();
        assert_eq!(failure, Failure::BadInput("bad link".to_owned()));
    });
    let expected = ["server adds magnet:?good", "server adds magnet:?bad"];
    assert_eq!(desk.notes(), expected);
}

#[test]
fn refusals_are_told_and_as_many_lifted_as_are_there() {
    let desk = Desk::new();
    desk.run(&["refused"]).unwrap();
    assert_eq!(desk.notes(), ["app tells what is refused", "app closes"]);
    desk.with_server(|| {
        let failure = desk.run(&["refused", "--lift", "missing", "ab"]);
        assert_eq!(
            failure.unwrap_err(),
            Failure::BadInput("missing: no such torrent is refused".to_owned())
        );
    });
    assert_eq!(desk.notes(), ["server lifts missing", "server lifts ab"]);
}

#[test]
fn removing_goes_on_after_a_film_that_is_missing() {
    let desk = Desk::new();
    let below_mount = desk.path().join("mount/tv/b.mkv");
    let failure = desk.run(&["rm", "missing.mkv", below_mount.to_str().unwrap()]);
    assert_eq!(
        failure.unwrap_err(),
        Failure::BadInput("missing.mkv: no such film".to_owned())
    );
    let expected = [
        "app removes missing.mkv",
        "app removes tv/b.mkv",
        "app closes",
    ];
    assert_eq!(desk.notes(), expected);
}

#[test]
fn bad_settings_stop_every_command_before_it_begins() {
    let desk = Desk::new();
    let config = desk.path().join("c.json");
    std::fs::write(&config, r#"{"uid": "root"}"#).unwrap();
    let config = config.to_str().unwrap();
    for command in [
        &["serve"][..],
        &["demo"],
        &["add", "magnet:?x"],
        &["ls"],
        &["rm", "a"],
        &["doctor"],
        &["config"],
    ] {
        let arguments: Vec<&str> = ["--config", config]
            .iter()
            .chain(command)
            .copied()
            .collect();
        let failure = desk.run(&arguments).unwrap_err();
        assert!(matches!(failure, Failure::BadInput(_)), "{failure}");
    }
    assert!(desk.notes().is_empty());
}

#[test]
fn what_is_done_with_the_state_is_the_applications_work() {
    let desk = Desk::new();
    desk.run(&["backup", "b.tar"]).unwrap();
    desk.run(&["restore", "b.tar"]).unwrap();
    desk.run(&["import", "http://127.0.0.1:8090"]).unwrap();
    assert_eq!(
        desk.notes(),
        [
            "app backs up to b.tar",
            "app restores b.tar",
            "app imports http://127.0.0.1:8090"
        ]
    );
}

#[test]
fn asking_makes_no_directories() {
    let desk = Desk::new();
    desk.run(&["config"]).unwrap();
    // Whether this machine is well is not the matter here.
    let _ = desk.run(&["doctor"]);
    assert_eq!(std::fs::read_dir(desk.path()).unwrap().count(), 0);
}
