//! The library over HTTP and WebDAV, asked by the programs that people use.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::harness::content::sha256;
use crate::harness::server::Server;
use crate::harness::swarm::SharedFilm;
use crate::harness::{cli, free_port};

const LIMIT: Duration = Duration::from_secs(120);

/// A film that a seeder shares, in a library that is served.
struct Served {
    film: SharedFilm,
    /// Below the root of the mount.
    path: String,
    url: String,
    server: Server,
}

fn serve() -> Served {
    let film = SharedFilm::start();
    let port = free_port();
    let server = Server::start(json!({"proxy_listen_port": port}));
    let shown = server.add(&film.magnet());
    let path = shown[0].strip_prefix(&server.mount).unwrap();
    Served {
        film,
        path: path.to_str().unwrap().to_owned(),
        url: format!("http://127.0.0.1:{port}/"),
        server,
    }
}

impl Served {
    fn film_url(&self) -> String {
        format!("{}{}", self.url, self.path)
    }

    fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let original = File::open(&self.film.original).unwrap();
        original.read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }
}

/// What a program printed; it must have ended well.
fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; run ./test once"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    output.stdout
}

#[test]
fn curl_reads_the_whole_film_a_range_and_several_ranges() {
    let served = serve();
    let url = served.film_url();
    let whole = served.server.place.data_dir.join("whole");
    run("curl", &["-sSf", "-o", whole.to_str().unwrap(), &url]);
    assert_eq!(sha256(&whole), sha256(&served.film.original));
    let part = run("curl", &["-sSf", "-r", "1000003-1000999", &url]);
    assert!(part == served.bytes(1_000_003, 997));
    let parts = run("curl", &["-sSf", "-r", "0-9,500000-500009", &url]);
    for offset in [0, 500_000] {
        let wanted = served.bytes(offset, 10);
        assert!(parts.windows(10).any(|window| window == wanted));
    }
    let page = run("curl", &["-sSfL", &format!("{}movies", served.url)]);
    let name = served.path.rsplit('/').next().unwrap();
    assert!(String::from_utf8(page).unwrap().contains(name));
}

#[test]
fn fifty_readers_of_ranges_get_equal_bytes() {
    let served = serve();
    let length = fs::metadata(&served.film.original).unwrap().len();
    let url = served.film_url();
    let readers: Vec<_> = (0..50_u64)
        .map(|reader| {
            let offset = reader * 7_919 * 13 % (length - 65_536);
            let wanted = served.bytes(offset, 65_536);
            let range = format!("{offset}-{}", offset + 65_535);
            let url = url.clone();
            std::thread::spawn(move || {
                assert!(
                    run("curl", &["-sSf", "-r", &range, &url]) == wanted,
                    "{range}"
                );
            })
        })
        .collect();
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn rclone_copies_and_seeks_over_webdav() {
    let served = serve();
    let remote = format!(":webdav,url='{}',vendor=other:", served.url);
    let copied = served.server.place.data_dir.join("copied");
    let options = [
        "--config",
        "/dev/null",
        "--retries",
        "1",
        "--low-level-retries",
        "1",
    ];
    let rclone = |arguments: &[&str]| run("rclone", &[arguments, &options].concat());
    let listed = rclone(&["lsl", &remote]);
    let listed = String::from_utf8(listed).unwrap();
    assert!(listed.contains(&served.path), "{listed}");
    rclone(&["copy", &remote, copied.to_str().unwrap()]);
    assert_eq!(
        sha256(&copied.join(&served.path)),
        sha256(&served.film.original)
    );
    let film = format!("{remote}{}", served.path);
    let part = rclone(&["cat", &film, "--offset", "1000003", "--count", "777"]);
    assert!(part == served.bytes(1_000_003, 777));
}

#[test]
fn ffmpeg_and_mpv_play_it_with_seeks() {
    let served = serve();
    let url = served.film_url();
    let original = served.film.original.to_str().unwrap();
    let frames = |input: &str, at: &str| {
        run(
            "ffmpeg",
            &[
                "-v",
                "error",
                "-ss",
                at,
                "-i",
                input,
                "-frames:v",
                "2",
                "-f",
                "framemd5",
                "-",
            ],
        )
    };
    for at in ["0", "0.5", "1.2"] {
        assert_eq!(frames(&url, at), frames(original, at), "at {at}");
    }
    let mut mpv = Command::new("mpv");
    mpv.args([
        "--no-config",
        "--vo=null",
        "--ao=null",
        "--frames=5",
        "--start=0.8",
        "--untimed",
    ]);
    let finished = cli::finish(mpv.arg("--really-quiet").arg(&url), LIMIT);
    assert_eq!(finished.code, Some(0), "{}", finished.err);
}

#[test]
fn a_client_without_the_login_gets_nothing() {
    let port = free_port();
    let login = json!({"proxy_listen_port": port, "web_user": "ann", "web_password": "pw"});
    let _server = Server::start(login);
    let url = format!("http://127.0.0.1:{port}/");
    let status = ["-sS", "-o", "/dev/null", "-w", "%{http_code}"];
    let asked = |arguments: &[&str]| String::from_utf8(run("curl", arguments)).unwrap();
    assert_eq!(asked(&[&status[..], &[&url]].concat()), "401");
    assert_eq!(
        asked(&[&status[..], &["-u", "ann:no", &url]].concat()),
        "401"
    );
    assert_eq!(
        asked(&[&status[..], &["-u", "ann:pw", &url]].concat()),
        "200"
    );
}
