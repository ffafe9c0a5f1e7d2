//! Extended attributes, as getfattr and the system calls see them.

use std::path::Path;

use rustix::fs::{XattrFlags, getxattr, getxattr_query, listxattr, listxattr_query, setxattr};
use rustix::io::Errno;

use crate::rig::{Rig, dir, film};
use crate::source::Answers;

fn rig() -> Rig {
    Rig::new(vec![
        dir("movies", 2),
        film("movies/a.mkv", 10, 5000, Answers::Now),
    ])
}

fn value(path: &Path, name: &str) -> Result<String, Errno> {
    let mut buffer = [0; 256];
    let len = getxattr(path, name, &mut buffer)?;
    Ok(String::from_utf8(buffer[..len].to_vec()).unwrap())
}

#[test]
fn a_film_says_what_it_is_and_what_it_does() {
    let rig = rig();
    let path = rig.path("movies/a.mkv");
    let hash = format!("00{}", "0a".repeat(19));
    assert_eq!(value(&path, "user.gostream.info_hash"), Ok(hash));
    assert_eq!(value(&path, "user.gostream.index"), Ok("1".to_owned()));
    assert_eq!(value(&path, "user.gostream.state"), Ok("awake".to_owned()));
    assert_eq!(value(&path, "user.gostream.peers"), Ok("10".to_owned()));
    assert_eq!(
        value(&path, "user.gostream.buffered"),
        Ok("0-1023".to_owned())
    );
    assert_eq!(
        value(&path, "user.gostream.warm"),
        Ok("0-9,20-29".to_owned())
    );
    assert_eq!(value(&path, "user.other"), Err(Errno::NODATA));
    assert_eq!(value(&path, "security.selinux"), Err(Errno::NODATA));
    assert_eq!(rig.source.opened(), 0);
}

#[test]
fn the_names_are_listed_for_films_and_for_nothing_else() {
    let rig = rig();
    let mut buffer = [0; 1024];
    let len = listxattr(rig.path("movies/a.mkv"), &mut buffer).unwrap();
    let names: Vec<&str> = std::str::from_utf8(&buffer[..len - 1])
        .unwrap()
        .split('\0')
        .collect();
    assert_eq!(
        names,
        ["info_hash", "index", "state", "peers", "buffered", "warm"]
            .map(|name| format!("user.gostream.{name}"))
    );
    assert_eq!(listxattr(rig.path("movies"), &mut buffer), Ok(0));
    assert_eq!(
        value(&rig.path("movies"), "user.gostream.state"),
        Err(Errno::NODATA)
    );
}

#[test]
fn a_short_buffer_is_a_range_error_and_none_asks_for_the_length() {
    let rig = rig();
    let path = rig.path("movies/a.mkv");
    let mut short = [0; 3];
    for name in ["user.gostream.info_hash", "user.gostream.buffered"] {
        let len = getxattr_query(&path, name).unwrap();
        assert_eq!(len, value(&path, name).unwrap().len());
        assert_eq!(getxattr(&path, name, &mut short), Err(Errno::RANGE));
    }
    assert!(listxattr_query(&path).unwrap() > 100);
    assert_eq!(listxattr(&path, &mut short), Err(Errno::RANGE));
}

#[test]
fn extended_attributes_are_read_only() {
    let rig = rig();
    let path = rig.path("movies/a.mkv");
    let set = setxattr(&path, "user.gostream.state", b"x", XattrFlags::empty());
    assert_eq!(set, Err(Errno::ROFS));
}
