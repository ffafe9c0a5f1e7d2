//! The mount table of this process, from `/proc/self/mountinfo` (proc(5)).
//!
//! Used before any other look at a mount point: a stat of a dead FUSE mount fails, and one of a hung mount may
//! never return.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The type of our mounts as the table shows it. Only these are ever unmounted.
pub(crate) const OUR_TYPE: &str = "fuse.gostream";

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MountLine {
    /// `major:minor` of the device.
    pub(crate) device: String,
    pub(crate) point: PathBuf,
    pub(crate) fs_type: String,
}

/// The mounts at exactly this path, the topmost last.
pub(crate) fn mounts_at(point: &Path) -> std::io::Result<Vec<MountLine>> {
    let table = std::fs::read("/proc/self/mountinfo")?;
    Ok(parse(&table).filter(|line| line.point == point).collect())
}

/// The mounts on the way to `path` and below it, with their devices (`major:minor`), ours left out. For who
/// depends on what lies there and wants to know when that changes.
///
/// # Errors
/// When the table cannot be read.
pub fn mounts_about(path: &Path) -> std::io::Result<Vec<(PathBuf, String)>> {
    // A link on the way would hide the mount behind it.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let concerns = |point: &Path| {
        [path, &real]
            .iter()
            .any(|path| path.starts_with(point) || point.starts_with(path))
    };
    let table = std::fs::read("/proc/self/mountinfo")?;
    let lines = parse(&table).filter(|line| line.fs_type != OUR_TYPE && concerns(&line.point));
    Ok(lines.map(|line| (line.point, line.device)).collect())
}

fn parse(table: &[u8]) -> impl Iterator<Item = MountLine> {
    table.split(|&byte| byte == b'\n').filter_map(parse_line)
}

/// `36 35 98:0 /root /point options [optional fields] - type source super-options`
fn parse_line(line: &[u8]) -> Option<MountLine> {
    let mut fields = line.split(|&byte| byte == b' ');
    let device = String::from_utf8(fields.nth(2)?.to_vec()).ok()?;
    let point = unescape(fields.nth(1)?);
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    let fs_type = String::from_utf8(rest.next()?.to_vec()).ok()?;
    Some(MountLine {
        device,
        point: PathBuf::from(OsString::from_vec(point)),
        fs_type,
    })
}

/// Blank, tab, newline and backslash are written as `\` and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        match octal(rest) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

fn octal(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"\\")?.get(..3)?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
        36 22 0:52 / /mnt/a\\040b\\134c ro,nosuid shared:9 master:2 - fuse.gostream gostream ro\n\
        37 22 0:53 / /mnt/x rw - fuse sshfs rw\n\
        broken line\n";

    #[test]
    fn lines_are_read_with_and_without_optional_fields() {
        let lines: Vec<MountLine> = parse(TABLE).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1].device, "0:52");
        assert_eq!(lines[1].point, Path::new("/mnt/a b\\c"));
        assert_eq!(lines[1].fs_type, OUR_TYPE);
        assert_eq!(lines[2].fs_type, "fuse");
    }

    #[test]
    fn a_broken_escape_is_taken_as_it_is() {
        assert_eq!(unescape(b"a\\04"), b"a\\04");
        assert_eq!(unescape(b"\\999"), b"\\999");
        assert_eq!(unescape(b"\\\\"), b"\\\\");
    }
}
