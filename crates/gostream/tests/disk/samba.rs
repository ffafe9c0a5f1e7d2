//! The mount shared by a real Samba server: what smbclient and another SMB client get from it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::cli;
use crate::harness::content::sha256;
use crate::harness::media::{self, MIB};
use crate::harness::server::{Place, Server};
use crate::harness::shared::Shared;
use crate::harness::smbd::{self, Smbd};

const LIMIT: Duration = Duration::from_secs(60);

/// Adds the one film that is shared; its path below the mount.
fn add(shared: &Shared, server: &Server) -> PathBuf {
    let paths = shared.add(server);
    let [path] = &paths[..] else {
        panic!("one film, but {paths:?}");
    };
    path.strip_prefix(&server.mount).unwrap().to_owned()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn samba_accepts_the_printed_share_without_a_warning() {
    let place = Place::new(json!({}));
    for arguments in [
        &["samba-config"][..],
        &["samba-config", "--allow-delete", "--share", "My Films"],
    ] {
        let share = place.run(arguments).success();
        let path = place.data_dir.join("smb.conf");
        fs::write(&path, &share).unwrap();
        let mut command = Command::new("testparm");
        let told = cli::finish(command.arg("-s").arg(&path), LIMIT);
        assert_eq!(told.code, Some(0), "{told:?}");
        for line in told.err.lines() {
            let is_usual = [
                "Load smb config files from",
                "Loaded services file OK",
                "Weak crypto is allowed",
                "Server role: ROLE_STANDALONE",
            ]
            .iter()
            .any(|usual| line.starts_with(usual));
            assert!(is_usual || line.is_empty(), "{line:?} in {told:?}");
        }
        let expected = format!("path = {}", place.mount().display());
        assert!(told.out.contains(&expected), "{told:?}");
        // And it is what the check wants to see.
        let checked = place
            .run(&["samba-config", "--check", path.to_str().unwrap()])
            .success();
        assert!(checked.starts_with("ok "), "{checked}");
    }
}

#[test]
fn a_share_with_traps_fails_the_check() {
    let place = Place::new(json!({}));
    let path = place.data_dir.join("smb.conf");
    let mount = place.mount();
    let text = format!(
        "[gs]\n path = {}\n oplocks = no  # essential\n",
        mount.display()
    );
    fs::write(&path, text).unwrap();
    let told = place.run(&["samba-config", "--check", path.to_str().unwrap()]);
    assert_eq!(told.code, Some(1), "{told:?}");
    for part in [
        "smb.conf:3: what looks like a comment",
        "vfs objects",
        "deadtime",
    ] {
        assert!(told.out.contains(part), "no {part:?} in {told:?}");
    }
    let missing = place.data_dir.join("none.conf");
    let told = place.run(&["samba-config", "--check", missing.to_str().unwrap()]);
    told.refused(&["none.conf"]);
}

#[test]
fn smbclient_gets_the_whole_film() {
    let shared = Shared::new(&media::bytes(40), MIB);
    let server = Server::start(json!({}));
    let film = add(&shared, &server);
    let smbd = Smbd::start(&server, &[]);
    let copy = server.place.data_dir.join("copy");
    let get = format!(
        "get {} {}",
        film.to_str().unwrap().replace('/', "\\"),
        copy.display()
    );
    let told = smbd.smbclient(&get);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(sha256(&copy), sha256(&shared.original));
    // A share that only reads lets nobody delete; smbclient's exit code does not tell.
    let told = smbd.smbclient(&format!(
        "del {}",
        film.to_str().unwrap().replace('/', "\\")
    ));
    assert!(
        told.out.contains("NT_STATUS_ACCESS_DENIED")
            || told.out.contains("NT_STATUS_MEDIA_WRITE_PROTECTED"),
        "{told:?}"
    );
    assert_eq!(server.place.stubs().len(), 1);
}

#[test]
fn parallel_readers_and_seeks_through_samba_get_the_right_bytes() {
    let shared = Shared::new(&media::bytes(64), MIB);
    let server = Server::start(json!({"read_ahead_budget_mb": 32}));
    let film = add(&shared, &server);
    let smbd = Smbd::start(&server, &[]);
    let mut client = smbd.connect();
    let (path, original) = (film.to_str().unwrap(), shared.original.to_str().unwrap());
    let ranges = json!({"do": "ranges", "path": path, "original": original, "readers": 6});
    assert_eq!(client.ask(&ranges), Ok(json!(6 * 3 * 3_000_001)));
    // Into the middle, back, to the end, and to the start again.
    let offsets = [32, 33, 8, 63, 0, 50].map(|mib| mib * MIB);
    let seeks = json!({"do": "seeks", "path": path, "original": original, "offsets": offsets});
    assert_eq!(client.ask(&seeks), Ok(json!(6 * MIB)));
    let whole = client.ask(&json!({"do": "sha256", "path": path}));
    assert_eq!(whole, Ok(json!(sha256(&shared.original))));
}

#[test]
fn clients_see_the_same_inode_numbers_before_and_after_a_restart() {
    let shared = Shared::new(&media::bytes(4), MIB);
    let server = Server::start(json!({}));
    let film = add(&shared, &server);
    let folder = film.parent().unwrap().to_str().unwrap();
    fs::write(
        server.place.library().join(folder).join("Other.nfo"),
        "<movie/>",
    )
    .unwrap();
    let listed = |server: &Server| {
        let smbd = Smbd::start(server, &[]);
        let mut client = smbd.connect();
        let found = [client.list(""), client.list(folder)].concat();
        for (name, inode, _) in &found {
            let below = if name == folder {
                name.into()
            } else {
                format!("{folder}/{name}")
            };
            let own = fs::metadata(server.mount.join(below)).unwrap().ino();
            assert_eq!(own, *inode, "{name}");
        }
        found
    };
    let (_, after) = server.stop();
    let server = Server::start_in(after.place);
    let before = listed(&server);
    let names: Vec<&str> = before.iter().map(|(name, ..)| &**name).collect();
    assert!(
        names.contains(&name(&film)) && names.contains(&"Other.nfo"),
        "{names:?}"
    );
    let (_, after) = server.stop();
    let server = Server::start_in(after.place);
    assert_eq!(listed(&server), before);
    // And when it did not end as it should.
    let server = Server::start_in(server.kill());
    assert_eq!(listed(&server), before);
}

#[test]
fn after_kill_9_and_a_start_clients_of_a_running_smbd_see_the_films_again() {
    let shared = Shared::new(&media::bytes(40), MIB);
    let server = Server::start(json!({}));
    let film = add(&shared, &server);
    let path = film.to_str().unwrap();
    let smbd = Smbd::start(&server, &[]);
    let mut client = smbd.connect();
    let before = client.list("");
    let read = json!({"do": "sha256", "path": path});
    let whole: Result<Value, String> = Ok(json!(sha256(&shared.original)));
    let open = json!({"do": "open", "path": path});
    client.ask(&open).unwrap();
    let part = |mib: u64| json!({"do": "read", "offset": mib * MIB, "length": MIB});
    client.ask(&part(0)).unwrap();

    let place = server.kill();
    client.ask(&part(30)).unwrap_err();
    client.ask(&read).unwrap_err();
    // The stale mount is replaced under the running smbd.
    let _server = Server::start_in(place);
    let mut newer = smbd.connect();
    assert_eq!(newer.list(""), before);
    assert_eq!(newer.ask(&read), whole);
    // An older connection may be refused, or be told other inode numbers, into which Samba mixes the device, which is
    // another. So smbd has to let go of it.
    smbd.close_share();
    let let_go = client.ask(&read).unwrap_err();
    assert!(let_go.contains("STATUS_NETWORK_NAME_DELETED"), "{let_go}");
    assert_eq!(smbd.connect().list(""), before);
}

#[test]
fn a_film_that_nobody_shares_fails_through_samba_and_others_go_on() {
    let mut dead = Shared::new(&media::bytes(16), MIB);
    let alive = Shared::new(&media::bytes(5), MIB);
    let server = Server::start(json!({"read_deadline_seconds": 3}));
    let (dead_film, film) = (add(&dead, &server), add(&alive, &server));
    dead.kill_seeders();
    let smbd = Smbd::start(&server, &[]);
    let (mut waiting, mut client) = (smbd.connect(), smbd.connect());
    let read = |film: &Path| json!({"do": "sha256", "path": film.to_str().unwrap()});
    thread::scope(|scope| {
        let refused = scope.spawn(|| waiting.ask(&read(&dead_film)).unwrap_err());
        for _ in 0..3 {
            assert_eq!(client.ask(&read(&film)), Ok(json!(sha256(&alive.original))));
        }
        let refused = refused.join().unwrap();
        // STATUS_IO_DEVICE_ERROR, which is what EIO becomes.
        assert!(refused.contains("0xc0000185"), "{refused}");
    });
    // The connection that had to wait is as good as any.
    assert_eq!(
        waiting.ask(&read(&film)),
        Ok(json!(sha256(&alive.original)))
    );
}

#[test]
fn a_client_that_owns_the_files_deletes_a_film_and_others_cannot() {
    let shared = Shared::new(&media::bytes(4), MIB);
    let server = Server::start(json!({}));
    let film = add(&shared, &server);
    let remove = json!({"do": "remove", "path": film.to_str().unwrap()});
    let smbd = Smbd::start(&server, &["--allow-delete"]);
    let refused = smbd.connect().ask(&remove).unwrap_err();
    assert!(refused.contains("STATUS_ACCESS_DENIED"), "{refused}");
    assert_eq!(server.place.stubs().len(), 1);

    let (_, after) = server.stop();
    after.place.set(&json!({"uid": smbd::USER_ID}));
    let server = Server::start_in(after.place);
    let mut client = smbd.connect();
    let folder = film.parent().unwrap().to_str().unwrap();
    assert_eq!(client.list(folder).len(), 1);
    client.ask(&remove).unwrap();
    assert_eq!(client.list(folder), []);
    assert!(!server.mount.join(&film).exists());
    assert_eq!(server.place.stubs(), [] as [PathBuf; 0]);
    assert_eq!(server.place.run(&["ls"]).success(), "");
}
