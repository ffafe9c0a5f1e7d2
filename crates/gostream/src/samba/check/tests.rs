//! Each trap by itself, in the share that is printed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use super::*;
use crate::samba::Share;

fn directories() -> Directories {
    Directories {
        library: "/srv/gs/library".into(),
        mount: "/srv/gs/mount".into(),
        state: "/srv/gs/state".into(),
        logs: None,
    }
}

/// What is found in `text`, without the directory of the file.
fn findings(text: &str) -> Vec<Finding> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smb.conf");
    fs::write(&path, text).unwrap();
    let mut found = check(&path, &directories()).unwrap();
    for finding in &mut found {
        let own = format!("{}/", directory.path().display());
        finding.about = finding.about.replace(&own, "");
    }
    found
}

fn good() -> String {
    Share::new("gostream", Path::new("/srv/gs/mount"), false)
        .unwrap()
        .to_string()
}

/// What is found when one line of the printed share is another.
fn with(line: &str, other: &str) -> Vec<Finding> {
    let text = good();
    assert!(text.contains(line), "{line}");
    findings(&text.replace(line, other))
}

/// The only finding, as it is printed.
#[track_caller]
fn only(found: &[Finding]) -> String {
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].to_string()
}

/// The number of the line in the printed share that begins with `start`.
fn line_of(start: &str) -> usize {
    let text = good();
    let mut lines = text.lines();
    1 + lines
        .position(|line| line.trim().starts_with(start))
        .unwrap()
}

#[test]
fn nothing_is_wrong_with_the_share_that_is_printed() {
    for may_delete in [false, true] {
        let share = Share::new("Films", Path::new("/srv/gs/mount"), may_delete).unwrap();
        let found = findings(&share.to_string());
        assert_eq!(
            only(&found),
            "ok       smb.conf: shares the mount as it should be"
        );
    }
}

#[test]
fn each_setting_that_is_otherwise_is_named_with_its_line_and_remedy() {
    for (name, value, other) in [
        ("oplocks", "no", "yes"),
        ("level2 oplocks", "no", "True"),
        ("kernel oplocks", "no", "1"),
        ("posix locking", "no", "on"),
        ("strict locking", "no", "auto"),
        ("use sendfile", "no", "yes"),
        ("aio read size", "1", "0"),
        ("store dos attributes", "no", "yes"),
        ("ea support", "no", "yes"),
        ("fileid:algorithm", "fsname", "fsid"),
    ] {
        let line = format!("\n   {name} = {value}\n");
        let found = with(&line, &format!("\n   {name} = {other}\n"));
        let text = only(&found);
        let number = line_of(&format!("{name} = "));
        assert!(
            text.contains(&format!("smb.conf:{number}: [gostream] {name} is")),
            "{text}"
        );
        assert!(text.contains(&format!("mend: {name} = {value}")), "{text}");
    }
}

#[test]
fn what_is_not_set_counts_as_sambas_default() {
    let found = with("   oplocks = no\n", "");
    let text = only(&found);
    assert!(text.starts_with("error"), "{text}");
    assert!(
        text.contains("oplocks is not set, which means yes"),
        "{text}"
    );
    // These are right by default.
    for line in [
        "   kernel oplocks = no\n",
        "   use sendfile = no\n",
        "   aio read size = 1\n",
    ] {
        assert_eq!(with(line, "")[0].level, Level::Ok, "{line}");
    }
}

#[test]
fn fileid_is_looked_for_among_other_modules() {
    let line = "vfs objects = fileid";
    assert_eq!(with(line, "vfs object = catia, fileid")[0].level, Level::Ok);
    let text = only(&with(line, "vfs objects = catia"));
    assert!(text.contains("mend: vfs objects = catia fileid"), "{text}");
}

#[test]
fn fileid_must_be_kept_to_the_mount() {
    let line = "fileid:mntdir allow = /srv/gs/mount";
    let text = only(&with(line, ""));
    assert!(text.starts_with("error"), "{text}");
    assert!(text.contains("hangs when one hangs"), "{text}");
    let remedy = format!("mend: {line} in [gostream]");
    assert!(text.ends_with(&remedy), "{text}");
    let other = with(line, "fileid : mntdir allow = /mnt /srv/gs/mount");
    assert_eq!(other[0].level, Level::Ok, "{other:?}");
    let kind = with(line, "fileid:fstype allow = fuse.gostream");
    assert_eq!(kind[0].level, Level::Ok, "{kind:?}");
}

#[test]
fn a_comment_behind_a_value_is_an_error_wherever_it_ends_the_loading() {
    let text = only(&with("   oplocks = no\n", "   oplocks = no   # hangs\n"));
    let number = line_of("oplocks = ");
    assert!(
        text.contains(&format!("smb.conf:{number}: what looks like a comment")),
        "{text}"
    );
    assert!(text.contains("loads no share at all"), "{text}");
    let other = format!(
        "[other]\npath = /x\nguest ok = yes ; all\ncomment = a # b\n{}",
        good()
    );
    assert!(only(&findings(&other)).contains("guest ok"));
    let path = with("path = /srv/gs/mount", "path = /srv/gs/mount # films");
    assert!(only(&path).contains("looks for a directory"));
}

#[test]
fn a_switch_that_is_neither_yes_nor_no_is_an_error() {
    let text = only(&with("browseable = yes", "browseable = sure"));
    assert!(text.contains("browseable is \"sure\""), "{text}");
}

#[test]
fn the_library_must_not_be_shared() {
    let found = with("path = /srv/gs/mount", "path = /srv/gs/./library/");
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(texts[0].contains("shares the library"), "{texts:?}");
    assert!(texts[0].contains("mend: path = /srv/gs/mount"), "{texts:?}");
    assert!(texts[1].contains("no share has the path"), "{texts:?}");
    // A folder of the mount is as good as all of it.
    let folder = with("path = /srv/gs/mount", "path = \"/srv/gs/mount/movies\"");
    assert_eq!(folder[0].level, Level::Ok, "{folder:?}");
}

#[test]
fn deadtime_counts_in_the_global_section_only() {
    let misplaced = with(
        "path = /srv/gs/mount\n",
        "path = /srv/gs/mount\ndeadtime = 15\n",
    );
    assert!(only(&misplaced).contains("has no effect in a share"));
    let missing = with("   deadtime = 15\n", "");
    assert!(only(&missing).contains("which means a week"));
    let never = with("deadtime = 15", "deadtime = 0");
    assert!(only(&never).contains("deadtime is 0"));
}

#[test]
fn a_bin_keeps_what_was_deleted_and_matters_where_one_may_delete() {
    let line = "vfs objects = fileid";
    assert_eq!(
        with(line, "vfs objects = recycle fileid")[0].level,
        Level::Ok
    );
    let text = good()
        .replace(line, "vfs objects = recycle fileid")
        .replace("read only = yes", "write ok = yes");
    assert!(only(&findings(&text)).contains("moved to a bin"));
}

#[test]
fn a_share_that_is_off_or_broken_off_is_an_error() {
    let off = with("browseable = yes", "available = no");
    assert!(only(&off).contains("is switched off"));
    let broken = format!("{}\n[rest\n", good());
    assert!(only(&findings(&broken)).contains("loads no share at all"));
}
