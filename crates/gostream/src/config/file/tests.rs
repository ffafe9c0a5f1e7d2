//! Files that are changed, by one and by several.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::symlink;

use serde_json::json;
use tempfile::TempDir;

use super::*;

struct Case {
    dir: TempDir,
    file: SettingsFile,
}

impl Case {
    fn new(text: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let file = SettingsFile::new(path, Arc::new(|_| None));
        Self { dir, file }
    }

    fn change(&self, asked: Value) -> Result<Loaded, SettingsError> {
        self.file.change(asked.as_object().unwrap())
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file.path()).unwrap()
    }

    /// What was refused, with the file as it was.
    fn refused(&self, asked: Value) -> SettingsError {
        let before = fs::read(self.file.path()).ok();
        let error = self.change(asked).unwrap_err();
        assert_eq!(fs::read(self.file.path()).ok(), before);
        error
    }
}

#[test]
fn a_file_is_made_when_there_is_none_and_is_its_owners_alone() {
    let case = Case::new(None);
    let loaded = case.change(json!({"uid": 5, "natpmp.refresh": 7})).unwrap();
    assert_eq!(loaded.config.fs.uid, 5);
    assert_eq!(
        case.text(),
        "{\n  \"uid\": 5,\n  \"natpmp\": {\n    \"refresh\": 7\n  }\n}\n"
    );
    let mode = fs::metadata(case.file.path()).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(case.dir.path()).unwrap().count(), 1);
}

#[test]
fn the_directory_of_a_first_file_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data/config.json");
    let file = SettingsFile::new(path.clone(), Arc::new(|_| None));
    file.change(json!({"uid": 5}).as_object().unwrap()).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "{\n  \"uid\": 5\n}\n");
}

#[test]
fn an_open_file_is_closed_to_others_and_a_group_that_was_let_in_stays_so() {
    let case = Case::new(Some("{}"));
    let mut modes = Vec::new();
    for (i, mode) in [0o644, 0o640, 0o666].into_iter().enumerate() {
        fs::set_permissions(case.file.path(), Permissions::from_mode(mode)).unwrap();
        case.change(json!({"uid": i})).unwrap();
        modes.push(fs::metadata(case.file.path()).unwrap().mode() & 0o777);
    }
    assert_eq!(modes, [0o600, 0o640, 0o600]);
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_nothing_is_written() {
    let case = Case::new(Some("{\"uid\": 1}"));
    let error = case.refused(json!({
        "read_ahead_budget_mb": 9,
        "uid": 7,
        "torrent_prot": 1,
        "web_password": 123,
        "blocklist_url": "ftp://me:pw@host/",
        "listen": ["loopback", "everybody"],
    }));
    insta::assert_snapshot!(error.to_string());
    let together = case.refused(json!({"web_user": "ann", "blocklist_enabled": true}));
    insta::assert_snapshot!(together.to_string());
}

#[test]
fn a_masked_secret_is_unchanged_and_another_one_is_written() {
    let text =
        "{\"web_user\": \"ann\", \"web_password\": \"old\", \"blocklist_url\": \"http://u:p@h/l\"}";
    let case = Case::new(Some(text));
    let masked = json!({"web_password": "***", "blocklist_url": "http://u:***@h/l", "uid": 1000});
    case.change(masked).unwrap();
    assert_eq!(case.text(), text);
    let loaded = case.change(json!({"web_password": "new"})).unwrap();
    assert_eq!(loaded.config.web.access.login.password, "new");
    let gone = json!({"web_user": null, "web_password": ""});
    let loaded = case.change(gone).unwrap();
    assert_eq!(
        loaded.config.web.access,
        Values::default().config().web.access
    );
    assert!(!case.text().contains("web_"));
}

#[test]
fn a_broken_file_is_left_as_it_is() {
    for text in ["{", "", "{\"uid\": -1}", "{\"uid\": 1, \"uid\": 2}"] {
        let case = Case::new(Some(text));
        let error = case.refused(json!({"gid": 5}));
        assert!(matches!(error, SettingsError::Broken(_)), "{text}: {error}");
        assert!(error.to_string().contains("config.json:1:"), "{error}");
    }
}

#[test]
fn what_does_not_go_together_can_be_mended() {
    let case = Case::new(Some("{\"web_user\": \"ann\"}"));
    assert!(case.file.load().is_err());
    let loaded = case.change(json!({"web_password": "pw"})).unwrap();
    assert_eq!(loaded.config.web.access.login.password, "pw");
}

#[test]
fn a_link_stays_one() {
    let case = Case::new(None);
    let real = case.dir.path().join("real.json");
    fs::write(&real, "{}").unwrap();
    symlink("real.json", case.file.path()).unwrap();
    case.change(json!({"uid": 5})).unwrap();
    assert!(fs::symlink_metadata(case.file.path()).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("\"uid\": 5"));
}

#[test]
fn writers_at_the_same_time_lose_nothing_of_each_other() {
    let case = Case::new(Some("{}"));
    let names = ["uid", "gid", "dht_port", "torrent_port", "metrics_port"];
    std::thread::scope(|scope| {
        for name in names {
            scope.spawn(|| {
                for n in 1..=10 {
                    case.file
                        .change(json!({name: n}).as_object().unwrap())
                        .unwrap();
                }
            });
        }
    });
    let values = case.file.load().unwrap().values;
    for name in names {
        assert_eq!(values.of(keys::find(name).unwrap()), &json!(10), "{name}");
    }
}
