//! Comparing what the mount shows with the original.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

/// The SHA-256 of a whole file, read in one go from start to end.
pub(crate) fn sha256(path: &Path) -> String {
    let mut file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0_u64;
    loop {
        let read = file
            .read(&mut buffer)
            .unwrap_or_else(|e| panic!("{} at {done}: {e}", path.display()));
        if read == 0 {
            break;
        }
        done += read as u64;
        context.update(&buffer[..read]);
    }
    let digest = context.finish();
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// Asserts that both files have the same bytes in `[offset, offset + length)`.
pub(crate) fn assert_same(original: &File, shown: &File, offset: u64, length: usize) {
    let mut expected = vec![0; length];
    original.read_exact_at(&mut expected, offset).unwrap();
    let mut found = vec![0; length];
    shown
        .read_exact_at(&mut found, offset)
        .unwrap_or_else(|e| panic!("reading {length} bytes at {offset}: {e}"));
    if let Some(at) = (0..length).find(|&at| expected[at] != found[at]) {
        panic!("a wrong byte at {} of the file", offset + at as u64);
    }
}

/// What the mount says of a film, by the name after `user.gostream.`.
pub(crate) fn attribute(path: &Path, name: &str) -> String {
    let mut buffer = [0; 4096];
    let name = format!("user.gostream.{name}");
    let len = rustix::fs::getxattr(path, name.as_str(), &mut buffer).unwrap();
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

/// Bytes of a film that the server holds verified.
pub(crate) fn buffered(path: &Path) -> u64 {
    let held = attribute(path, "buffered");
    let ranges = held.split(',').filter_map(|range| range.split_once('-'));
    let number = |text: &str| text.parse::<u64>().unwrap();
    ranges
        .map(|(first, last)| number(last) - number(first) + 1)
        .sum()
}

/// Makes the kernel forget what it has cached of a file, so that the next read asks the server.
pub(crate) fn forget(path: &Path) {
    let file = File::open(path).unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

/// A small reproducible source of numbers (SplitMix64), so that a failure can be repeated.
pub(crate) struct Numbers(pub u64);

impl Numbers {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
