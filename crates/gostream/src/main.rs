//! GoStream: a torrent looks like a file on a disk.

fn main() {}
