//! What media programs say of a film in the mount is what they say of the original.
//!
//! Each runs twice, in a directory of the mount and in one where the original has the same name, so that
//! what it prints has to be the same to the last character.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::harness::cli;
use crate::harness::media::{self, MIB};
use crate::harness::server::Server;
use crate::harness::shared::Shared;

const LIMIT: Duration = Duration::from_secs(60);
const PIECE: u64 = MIB;
/// Seconds of the film where ffmpeg is sent to, back and forth.
const PLACES: [&str; 10] = [
    "31.5", "3", "58.2", "17", "44.44", "0", "52", "9.9", "38", "24",
];

/// The id of the element (RFC 9559).
const CUES: &[u8] = &[0x1c, 0x53, 0xbb, 0x6b];

/// A film in the mount, and the original under the same name.
struct Pair {
    _server: Server,
    _shared: Shared,
    mounted: PathBuf,
    original: PathBuf,
    name: String,
}

impl Pair {
    /// `index` is how what programs look for first begins; it has to be at the end of the file, far from the head.
    fn new(original: &Path, index: &[u8]) -> Self {
        let bytes = fs::read(original).unwrap();
        let tail = &bytes[bytes.len() / 20 * 19..];
        let has_index = |bytes: &[u8]| bytes.windows(index.len()).any(|window| window == index);
        assert!(
            has_index(tail),
            "no index at the end of {}",
            original.display()
        );
        let shared = Shared::new(original, PIECE);
        let server = Server::start(json!({}));
        let paths = shared.add(&server);
        let [path] = &paths[..] else {
            panic!("one film, but {paths:?}");
        };
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let beside = server.place.data_dir.join("original");
        fs::create_dir(&beside).unwrap();
        std::os::unix::fs::symlink(original, beside.join(&name)).unwrap();
        Self {
            mounted: path.parent().unwrap().to_owned(),
            original: beside,
            name,
            _server: server,
            _shared: shared,
        }
    }

    /// Runs a program on both; `arguments` have FILM for the film. What it printed, which was the same.
    #[track_caller]
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let [mounted, original] = [&self.mounted, &self.original].map(|directory| {
            let mut command = Command::new(program);
            let arguments = arguments
                .iter()
                .map(|one| if *one == "FILM" { &*self.name } else { one });
            command.current_dir(directory).args(arguments);
            cli::finish(&mut command, LIMIT).success()
        });
        let [mounted, original] = [mounted, original].map(without_times);
        assert_eq!(mounted, original, "{program} {arguments:?}");
        assert!(!mounted.is_empty(), "{program} said nothing");
        mounted
    }

    /// All programs; those for Matroska alone say nothing of other containers.
    fn all(&self) {
        // As Jellyfin asks.
        let far = [
            "-analyzeduration",
            "200M",
            "-probesize",
            "1G",
            "-v",
            "warning",
        ];
        let shown = ["-show_streams", "-show_chapters", "-show_format"];
        let arguments = [&far[..], &["-print_format", "json"], &shown, &["FILM"]].concat();
        let probed = self.run("ffprobe", &arguments);
        assert!(
            probed.contains("h264") && probed.contains("aac"),
            "{probed}"
        );
        for place in PLACES {
            let arguments = [
                "-v",
                "error",
                "-ss",
                place,
                "-i",
                "FILM",
                "-frames:v",
                "3",
                "-f",
                "framemd5",
                "-",
            ];
            let frames = self.run("ffmpeg", &arguments);
            assert!(
                frames.lines().filter(|line| line.starts_with("0,")).count() == 3,
                "{frames}"
            );
        }
        let identified = self.run("mkvmerge", &["-J", "FILM"]);
        assert!(identified.contains("\"recognized\": true"), "{identified}");
        let described = self.run("mediainfo", &["--Output=JSON", "FILM"]);
        assert!(described.contains("\"Duration\""), "{described}");
        let message = "--term-playing-msg=${duration} ${width}x${height} ${video-codec} ${audio-codec} ${time-pos}";
        let quiet = [
            "--no-config",
            "--vo=null",
            "--ao=null",
            "--untimed",
            "--msg-level=all=error,cplayer=info",
        ];
        let playing = [&quiet[..], &["--frames=20", "--start=15", message, "FILM"]].concat();
        let played = self.run("mpv", &playing);
        assert!(played.contains("640x360"), "{played}");
    }
}

/// mediainfo tells when the file was changed: the mount has the time of the stub.
fn without_times(told: String) -> String {
    let kept = told
        .lines()
        .filter(|line| !line.contains("File_Modified_Date") && !line.contains("File_Created_Date"));
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_film_by_mkvmerge_with_its_cues_at_the_end_is_the_same_to_every_program() {
    Pair::new(&media::minute_by_mkvmerge(), CUES).all();
}

#[test]
fn a_film_by_ffmpeg_is_the_same_to_every_program() {
    Pair::new(&media::minute_by_ffmpeg(), CUES).all();
}

#[test]
fn an_mp4_whose_moov_is_at_the_end_is_the_same_to_every_program() {
    Pair::new(&media::minute_in_mp4(), b"moov").all();
}
