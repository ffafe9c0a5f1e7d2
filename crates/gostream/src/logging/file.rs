//! The log in files: `gostream.log` is written, `gostream.log.1` is the one before, and so on.
//!
//! Written by one thread, line by line. A file is put aside when a day (UTC) is over or when it would become too long. What
//! always holds: there are at most so many files of at most so many bytes each, unless a program of another user put
//! something in their place. A folder or a file that went away, by a hand, by `logrotate` or with its disk, is made anew
//! for the next line; a full disk loses the lines that do not fit, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::OFlags;

/// What the file that is written is called.
pub(super) const NAME: &str = "gostream.log";

const SECONDS_OF_A_DAY: u64 = 86_400;

/// See the module.
pub(super) struct LogFile<C> {
    folder: PathBuf,
    files: usize,
    len_max: u64,
    clock: C,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// The device and the inode number, by which a file that was moved away is told.
    id: (u64, u64),
    len: u64,
    /// Days since 1970, of its last line.
    day: u64,
    /// The last line is only half there.
    is_torn: bool,
}

impl<C: Fn() -> SystemTime> LogFile<C> {
    /// Nothing is made before the first line.
    pub(super) fn new(folder: &Path, files: usize, len_max: u64, clock: C) -> Self {
        Self {
            folder: folder.to_owned(),
            files: files.max(1),
            len_max,
            clock,
            open: None,
        }
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder.join(match number {
            0 => NAME.to_owned(),
            number => format!("{NAME}.{number}"),
        })
    }

    /// The file for a line of so many bytes.
    fn file_for(&mut self, len: u64) -> io::Result<&mut Open> {
        let today = day_of((self.clock)());
        let path = self.path(0);
        let found = fs::symlink_metadata(&path).map(|found| (found.dev(), found.ino()));
        let open = match self.open.take() {
            Some(open) if found.is_ok_and(|id| id == open.id) => open,
            Some(_) | None => open(&self.folder, &path)?,
        };
        // A clock that went back ends no day.
        let is_over = open.len > 0 && (today > open.day || open.len + len > self.len_max);
        let open = if is_over { self.next(open)? } else { open };
        let open = self.open.insert(open);
        open.day = open.day.max(today);
        Ok(open)
    }

    /// Puts the file aside, the oldest away, and begins another one.
    fn next(&self, full: Open) -> io::Result<Open> {
        match self.put_aside() {
            Ok(()) => open(&self.folder, &self.path(0)),
            // What cannot be kept is given up, so that the disk does not fill.
            Err(_) => {
                full.file.set_len(0)?;
                Ok(Open {
                    len: 0,
                    is_torn: false,
                    ..full
                })
            }
        }
    }

    fn put_aside(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(number_of);
            if let Some(number) = number.filter(|number| *number + 1 >= self.files) {
                fs::remove_file(self.path(number))?;
            }
        }
        for number in (0..self.files - 1).rev() {
            match fs::rename(self.path(number), self.path(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        if self.files == 1 {
            fs::remove_file(self.path(0))?;
        }
        Ok(())
    }
}

/// The number of a file that was put aside.
fn number_of(name: &str) -> Option<usize> {
    let number: usize = name.strip_prefix(NAME)?.strip_prefix('.')?.parse().ok()?;
    // Nobody else's file, such as gostream.log.01.
    (number > 0 && name == format!("{NAME}.{number}")).then_some(number)
}

fn open(folder: &Path, path: &Path) -> io::Result<Open> {
    fs::create_dir_all(folder)?;
    // A link would lead elsewhere, and a pipe would keep us waiting.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    Ok(Open {
        file,
        id: (found.dev(), found.ino()),
        len: found.len(),
        day: day_of(found.modified()?),
        is_torn: false,
    })
}

fn day_of(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() / SECONDS_OF_A_DAY)
}

impl<C: Fn() -> SystemTime> Write for LogFile<C> {
    /// Writes a whole line, or fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let len = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let open = self.file_for(len)?;
        if open.is_torn {
            open.file.write_all(b"\n")?;
            open.len += 1;
        }
        open.is_torn = true;
        open.file.write_all(line)?;
        open.is_torn = false;
        open.len += len;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
