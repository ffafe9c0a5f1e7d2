//! Many readers of dead titles: they hold up nobody, and nobody is held for ever.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::harness::content::{assert_same, sha256};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::SharedFilm;
use crate::harness::wait;

/// Readers at a time.
const READERS: usize = 200;
/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
/// From the deadline of two hundred reads to the end of their readers, on a busy machine.
const ANSWERED: Duration = Duration::from_secs(5);

/// The number of read(2), as `/proc/PID/syscall` tells it.
const READ: &str = if cfg!(target_arch = "x86_64") {
    "0"
} else {
    "63"
};

/// A library with as many titles as there are readers, of torrents that nobody shares. Their reads wait for the deadline,
/// since the only tracker cannot be asked whether anybody does.
fn dead_titles(settings: serde_json::Value) -> Place {
    let place = Place::new(settings);
    let folder = place.library().join("movies");
    fs::create_dir_all(&folder).unwrap();
    for number in 0..READERS {
        let hash = format!("{number:08x}{:032x}", 0xdead);
        // A closed port: nothing answers there.
        let magnet =
            format!("magnet:?xt=urn:btih:{hash}&x.pe=127.0.0.9:9&tr=http://127.0.0.9:9/announce");
        let url = format!("http://127.0.0.1:8090/stream?link={hash}&index=0&play");
        let stub = json!({"url": url, "size": 1 << 30, "magnet": magnet, "imdb": ""});
        let name = format!("Dead {number} (2026)_{}.mkv", &hash[32..]);
        fs::write(folder.join(name), stub.to_string()).unwrap();
    }
    place
}

/// A process that reads one title, with O_DIRECT or through the kernel's pages.
struct Reader {
    process: Child,
    title: PathBuf,
}

impl Reader {
    fn start(title: &Path, direct: bool) -> Self {
        let mut command = Command::new("dd");
        command.arg(format!("if={}", title.display()));
        command.args(["of=/dev/null", "bs=64k", "count=1"]);
        command.args(direct.then_some("iflag=direct"));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        Self {
            process: command.spawn().unwrap(),
            title: title.to_owned(),
        }
    }

    /// Whether it has the title open, as its standard input, and stands in the read of it.
    fn is_parked(&self) -> bool {
        let process = PathBuf::from(format!("/proc/{}", self.process.id()));
        let opened = fs::read_link(process.join("fd/0")).is_ok_and(|target| target == self.title);
        let call = fs::read_to_string(process.join("syscall")).unwrap_or_default();
        opened && call.starts_with(&format!("{READ} 0x0 "))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One reader for each dead title, half of them with O_DIRECT, once each waits for what it reads.
fn park(server: &Server) -> Vec<Reader> {
    let mut titles: Vec<PathBuf> = fs::read_dir(server.mount.join("movies"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("Dead "))
        .collect();
    titles.sort();
    assert_eq!(titles.len(), READERS);
    let readers: Vec<Reader> = (0..)
        .zip(&titles)
        .map(|(number, title)| Reader::start(title, number % 2 == 0))
        .collect();
    wait::until("all readers wait", LIMIT, || {
        readers.iter().all(Reader::is_parked).then_some(())
    });
    readers
}

/// A film that is shared, and where the mount shows it.
fn healthy(server: &Server) -> (SharedFilm, PathBuf) {
    let film = SharedFilm::start();
    let shown = server.add(&film.magnet()).remove(0);
    (film, shown)
}

#[test]
fn parked_readers_hold_up_nobody_and_a_stop_frees_them_all() {
    let server = Server::start_in(dead_titles(json!({"read_deadline_seconds": 300})));
    let (film, shown) = healthy(&server);
    let readers = park(&server);
    let read = wait::within("the healthy film", LIMIT, move || sha256(&shown));
    assert_eq!(read, sha256(&film.original));
    assert!(readers.iter().all(Reader::is_parked), "still parked");
    let (status, after) = server.stop();
    assert!(status.success() && !after.still_mounted);
    for mut reader in readers {
        // With O_DIRECT nothing but the answer ends the read.
        let title = reader.title.display().to_string();
        let status = wait::until(&title, LIMIT, || reader.process.try_wait().unwrap());
        assert_eq!(status.code(), Some(1), "an error was read");
    }
}

#[test]
fn readers_that_are_killed_while_they_wait_are_gone() {
    let deadline = Duration::from_secs(20);
    let settings = json!({"read_deadline_seconds": deadline.as_secs()});
    let server = Server::start_in(dead_titles(settings));
    let mut readers = park(&server);
    for reader in &mut readers {
        reader.process.kill().unwrap();
    }
    // What waits in the kernel uninterruptibly, in state D, cannot be reaped. Those with O_DIRECT do, until their read is
    // answered: it began before the kill.
    wait::until("all killed readers are gone", deadline + ANSWERED, || {
        let mut left = readers.iter_mut().map(|reader| reader.process.try_wait());
        left.all(|ended| ended.unwrap().is_some()).then_some(())
    });
    let (film, shown) = healthy(&server);
    let read = wait::within("the healthy film", LIMIT, move || sha256(&shown));
    assert_eq!(read, sha256(&film.original));
    assert!(server.stop().0.success());
}

#[test]
fn a_scan_whose_seeders_go_ends_soon() {
    let server = Server::start(json!({"read_deadline_seconds": 4}));
    let (film, shown) = healthy(&server);
    let open = File::open(&shown).unwrap();
    assert_same(&File::open(&film.original).unwrap(), &open, 0, 4096);
    drop(film);
    // Far more places than there is time for, if each waited for the deadline, and twice as the kernel asks.
    let end = fs::metadata(&shown).unwrap().len() - 4096;
    let failed = wait::within("the scan", LIMIT, move || {
        let places = (0..200).map(|step| end - step * 65_536 % (end / 2));
        let mut buffer = vec![0; 4096];
        places
            .filter(|&place| open.read_exact_at(&mut buffer, place).is_err())
            .count()
    });
    assert!(failed > 0, "the swarm was dead");
}
