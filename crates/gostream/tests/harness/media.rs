//! Films to share: made once by ffmpeg, or filled with numbered bytes, and kept under `target`.
//!
//! A file is made under a name of its own and gets its name when it is complete, so that tests in other processes never
//! see half of it. The first that is complete stays: ffmpeg makes no two that are equal, and a film that changed under
//! a seeder would never be served.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::content::Numbers;

/// Bytes in a MiB.
pub(crate) const MIB: u64 = 1 << 20;
/// The same, as a length in memory.
pub(crate) const MIB_LEN: usize = 1 << 20;

/// A Matroska film of more than 300 MB: Motion JPEG of a noisy test picture, PCM sound.
pub(crate) fn film() -> PathBuf {
    let path = ffmpeg_film("Loopback Film (2026).mkv", 22);
    let length = fs::metadata(&path).unwrap().len();
    assert!(length >= 300_000_000, "the film has only {length} bytes");
    path
}

/// A second film, of a few seconds.
pub(crate) fn short_film() -> PathBuf {
    ffmpeg_film("Short Film (2026).mkv", 2)
}

/// A minute of film as it is shared: H.264 with a key frame every two seconds, AAC. Written by ffmpeg, with the
/// Cues behind the clusters.
pub(crate) fn minute_by_ffmpeg() -> PathBuf {
    made_once("Minute by ffmpeg (2026).mkv", |part| {
        let picture = "testsrc2=d=60:s=640x360:r=25";
        let coding = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50"];
        run(Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "lavfi", "-i", picture])
            .args(["-f", "lavfi", "-i", "sine=d=60"])
            .args(["-vf", "noise=alls=8:allf=t", "-b:v", "3M"])
            .args(coding)
            .args(["-c:a", "aac", "-f", "matroska"])
            .arg(part));
    })
}

/// The same, written by mkvmerge: the Cues and the Tags are the last of the file, and opening it reads them.
pub(crate) fn minute_by_mkvmerge() -> PathBuf {
    let minute = minute_by_ffmpeg();
    made_once("Minute by mkvmerge (2026).mkv", |part| {
        run(Command::new("mkvmerge")
            .args(["--quiet", "--chapters"])
            .arg(chapters())
            .arg("-o")
            .args([part, &minute]));
    })
}

/// The same as MP4 whose moov, without which nothing can be played, is at the end.
pub(crate) fn minute_in_mp4() -> PathBuf {
    let minute = minute_by_ffmpeg();
    made_once("Minute in mp4 (2026).mp4", |part| {
        run(Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-i"])
            .arg(&minute)
            .args(["-c", "copy", "-f", "mp4"])
            .arg(part));
    })
}

/// Two chapters in the simple format of mkvmerge.
fn chapters() -> PathBuf {
    made_once("chapters.txt", |part| {
        let text = "CHAPTER01=00:00:00.000\nCHAPTER01NAME=One\nCHAPTER02=00:00:30.000\nCHAPTER02NAME=Two\n";
        fs::write(part, text).unwrap();
    })
}

/// A file of `mib` MiB that only has the name of a film. No two MiB of it are equal.
pub(crate) fn bytes(mib: u64) -> PathBuf {
    made_once(&format!("Bytes {mib} MiB (2026).mkv"), |part| {
        let mut numbers = Numbers(mib);
        let mut block = vec![0; MIB_LEN];
        for word in block.chunks_exact_mut(8) {
            word.copy_from_slice(&numbers.below(u64::MAX).to_le_bytes());
        }
        let mut out = BufWriter::with_capacity(block.len(), File::create(part).unwrap());
        for number in 0..mib {
            block[..8].copy_from_slice(&number.to_le_bytes());
            out.write_all(&block).unwrap();
        }
        out.flush().unwrap();
    })
}

fn ffmpeg_film(name: &str, seconds: u32) -> PathBuf {
    made_once(name, |part| {
        let picture = format!("testsrc2=d={seconds}:s=1280x720:r=25");
        let sound = format!("sine=d={seconds}");
        run(Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "lavfi", "-i", &picture])
            .args(["-f", "lavfi", "-i", &sound])
            .args(["-vf", "noise=alls=30:allf=t", "-c:v", "mjpeg", "-q:v", "2"])
            .args(["-c:a", "pcm_s16le", "-f", "matroska"])
            .arg(part));
    })
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}; run ./test once, which installs it"));
    let (told, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}: {told}{errors}");
}

fn made_once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../test-media");
    fs::create_dir_all(&directory).unwrap();
    let path = directory.canonicalize().unwrap().join(name);
    if !path.exists() {
        let part = path.with_extension(format!("{}.part", std::process::id()));
        make(&part);
        // Fails when another process was faster.
        let named = fs::hard_link(&part, &path);
        assert!(
            named.is_ok() || path.exists(),
            "{}: {named:?}",
            path.display()
        );
        fs::remove_file(&part).unwrap();
    }
    path
}
