//! Where documents come from: a file, the known files of a folder, or a TorrServer that runs.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use gostream_library::InodeMap;
use reqwest::{Client, StatusCode};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use url::Url;

use super::database;
use super::found::Found;
use super::node::Document;
use crate::cli::Failure;

/// The longest file or answer that is read: 64 MiB.
const LEN_MAX: u64 = 64 << 20;
/// The longest map of inode numbers: a million titles.
const MAP_LEN_MAX: u64 = 256 << 20;
/// How long a server may take for one answer.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// Files of a folder that are read.
const KNOWN: [&str; 4] = [
    "torrents.json",
    "viewed.json",
    "settings.json",
    "blacklist.json",
];
const INODE_MAP: &str = "inode_map.json";
/// Databases of TorrServer (bbolt).
const DATABASES: [&str; 2] = ["config.db", "torrserver.db"];
/// Files that belong to jobs of the earlier GoStream.
const OF_JOBS: [&str; 11] = [
    "no_mkv_hashes.json",
    "tv_fullpacks.json",
    "tv_episode_registry.json",
    "tv_series_library.json",
    "movie_core_index.json",
    "tv_core_index.json",
    "scheduler_state.json",
    "movie_no_streams_cache.json",
    "movie_recheck_cache.json",
    "movie_add_fail_cache.json",
    "movie_imdb_cache.json",
];

/// The documents that `from` leads to. What is read at once, and what is to be said, goes to `found`.
pub(super) fn documents(from: &str, found: &mut Found) -> Result<Vec<Document>, Failure> {
    if from.starts_with("http://") || from.starts_with("https://") {
        return ask_all(from);
    }
    let path = Path::new(from);
    if path.is_dir() {
        return folder(path, found);
    }
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if path.extension().is_some_and(|extension| extension == "db") {
        database(path, found)?;
        return Ok(Vec::new());
    }
    if name == INODE_MAP {
        inode_map(path, found)?;
        return Ok(Vec::new());
    }
    Ok(vec![file(path)?])
}

fn folder(folder: &Path, found: &mut Found) -> Result<Vec<Document>, Failure> {
    let mut documents = Vec::new();
    for name in KNOWN {
        let path = folder.join(name);
        if path.is_file() {
            documents.push(file(&path)?);
        }
    }
    let map = folder.join(INODE_MAP);
    let has_map = map.is_file();
    if has_map {
        inode_map(&map, found)?;
    }
    let databases: Vec<_> = DATABASES
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| path.is_file())
        .collect();
    for path in &databases {
        database(path, found)?;
    }
    let of_jobs: Vec<&str> = OF_JOBS
        .into_iter()
        .filter(|name| folder.join(name).is_file())
        .collect();
    if !of_jobs.is_empty() {
        let names = of_jobs.join(", ");
        found.notes.push(format!(
            "left as they are, since they belong to jobs that this version does not have: {names}"
        ));
    }
    if documents.is_empty() && databases.is_empty() && !has_map && found.notes.is_empty() {
        let known = [&DATABASES[..], &KNOWN[..]].concat().join(", ");
        let folder = folder.display();
        return Err(Failure::BadInput(format!(
            "{folder}: there is nothing to import; looked for {known}, {INODE_MAP}"
        )));
    }
    Ok(documents)
}

/// A TorrServer that runs holds a lock on its database, which would change while it is read.
fn database(path: &Path, found: &mut Found) -> Result<(), Failure> {
    let name = path.display();
    let file = open(path)?;
    if flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK) {
        return Err(Failure::Failed(format!(
            "{name}: is in use by a TorrServer that runs: give its address (gostream import http://127.0.0.1:8090), or \
             stop it"
        )));
    }
    let bytes = bytes_of(path, &file, LEN_MAX)?;
    database::read(&name.to_string(), &bytes, found).map_err(Failure::BadInput)
}

fn file(path: &Path) -> Result<Document, Failure> {
    let bytes = bytes(path, LEN_MAX)?;
    document(path.display().to_string(), bytes)
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::BadInput(format!("{}: cannot be read: {error}", path.display()))
}

fn bytes(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    bytes_of(path, &open(path)?, max)
}

fn bytes_of(path: &Path, file: &File, max: u64) -> Result<Vec<u8>, Failure> {
    let name = path.display();
    let mut bytes = Vec::new();
    file.take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > max) {
        return Err(Failure::BadInput(format!(
            "{name}: is longer than {max} bytes, this is no file to import"
        )));
    }
    Ok(bytes)
}

fn document(name: String, bytes: Vec<u8>) -> Result<Document, Failure> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Document { name, text }),
        Err(_) => Err(Failure::BadInput(format!(
            "{name}: is no JSON text (not UTF-8)"
        ))),
    }
}

fn inode_map(path: &Path, found: &mut Found) -> Result<(), Failure> {
    let bytes = bytes(path, MAP_LEN_MAX)?;
    let map = InodeMap::parse(&bytes);
    let map = map.map_err(|error| Failure::BadInput(format!("{}: {error}", path.display())))?;
    found.inode_map = Some(map);
    Ok(())
}

/// Asks a TorrServer for all that it gives.
fn ask_all(address: &str) -> Result<Vec<Document>, Failure> {
    let base =
        Url::parse(address).map_err(|error| Failure::BadInput(format!("{address}: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(async {
        let client = Client::builder()
            .timeout(ANSWER_TIME)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let mut documents = Vec::new();
        for (path, action) in [
            ("torrents", "list"),
            ("viewed", "list"),
            ("settings", "get"),
        ] {
            match ask(&client, &base, path, action).await? {
                Some(document) => documents.push(document),
                // Its descendants lack the one or the other.
                None if path != "torrents" => {}
                None => {
                    return Err(Failure::Failed(format!(
                        "{address}: this is no TorrServer: it has no /{path}"
                    )));
                }
            }
        }
        Ok(documents)
    })
}

/// One answer; none if the server does not have that path.
async fn ask(
    client: &Client,
    base: &Url,
    path: &str,
    action: &str,
) -> Result<Option<Document>, Failure> {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    let mut shown = url.clone();
    // A password is no part of a message.
    let _ = shown
        .set_password(None)
        .and_then(|()| shown.set_username(""));
    let failed = |what: String| Failure::Failed(format!("{shown}: {what}"));
    let body = format!(r#"{{"action":"{action}"}}"#);
    let mut answer = client
        .post(url)
        .body(body)
        .send()
        .await
        .map_err(|error| failed(reason(&error.without_url())))?;
    match answer.status() {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Ok(None),
        StatusCode::UNAUTHORIZED => {
            return Err(failed(
                "asks for a login: give it as http://user:password@host:8090".to_owned(),
            ));
        }
        status if !status.is_success() => {
            return Err(failed(format!("the server answers {status}")));
        }
        _ => {}
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| failed(reason(&error.without_url())))?
    {
        bytes.extend_from_slice(&chunk);
        if u64::try_from(bytes.len()).is_ok_and(|len| len > LEN_MAX) {
            return Err(failed(format!("the answer is longer than {LEN_MAX} bytes")));
        }
    }
    document(shown.to_string(), bytes).map(Some)
}

/// The innermost cause says most.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
