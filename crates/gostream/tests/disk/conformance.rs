//! The API against its own document: schemathesis makes requests of what the document allows, and of what it does not,
//! and every answer has to be one that the document has.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{cli, python};
use crate::versioned::Stand;

/// How long one pass may go on, at most.
const LIMIT: Duration = Duration::from_secs(300);

/// One pass, always with the same requests, in a directory with the tool's settings.
fn pass(stand: &Stand, settings: &str, arguments: &[&str]) {
    pass_with(stand, settings, "coverage,fuzzing", arguments, &[]);
}

/// The same in other phases; the hook `known` uses these torrents.
fn pass_with(stand: &Stand, settings: &str, phases: &str, arguments: &[&str], known: &[String]) {
    let scratch = TempDir::new().unwrap();
    fs::write(scratch.path().join("schemathesis.toml"), settings).unwrap();
    fs::write(scratch.path().join("known.py"), KNOWN).unwrap();
    let document = format!("http://127.0.0.1:{}/api/v1/openapi.json", stand.port);
    let mut command = Command::new(python().with_file_name("schemathesis"));
    command
        .current_dir(scratch.path())
        .args(["run", &document, "--no-color", "--workers", "1"])
        .args(["--generation-deterministic", "--continue-on-failure"])
        .env("KNOWN_HASHES", known.join(" "))
        .env("PYTHONPATH", scratch.path())
        .args(["--phases", phases, "--request-timeout", "20"])
        .args(["--checks", "not_a_server_error,status_code_conformance"])
        .args(["--checks", "content_type_conformance"])
        .args(["--checks", "response_headers_conformance"])
        .args(["--checks", "response_schema_conformance"])
        // Its answer has no end.
        .args(["--exclude-path", "/api/v1/events"])
        .args(arguments);
    let finished = cli::finish(&mut command, LIMIT);
    assert_eq!(finished.code, Some(0), "{}\n{}", finished.out, finished.err);
}

#[test]
fn no_request_makes_the_server_fail_or_answer_what_is_not_documented() {
    let mut stand = Stand::new();
    let shown = stand.server.add(&stand.film.magnet());
    // Awake, so that there is something to see; who asks for hashes at random will not find it.
    let film = File::open(&shown[0]).unwrap();
    film.read_exact_at(&mut [0; 1000], 0).unwrap();
    pass(&stand, "", &["--max-examples", "15", "--max-time", "30"]);
    let known = format!("[parameters]\n\"path.hash\" = \"{}\"\n", stand.hash());
    let looking = ["--include-method", "GET", "--max-examples", "10"];
    pass(
        &stand,
        &known,
        &[&looking[..], &["--max-time", "20"]].concat(),
    );
    drop(film);
    assert!(!stand.server.ended());
}

/// Gives each request the next of the torrents that are known.
const KNOWN: &str = r#"
import itertools
import os

import schemathesis

HASHES = itertools.cycle(os.environ["KNOWN_HASHES"].split())


@schemathesis.hook
def before_call(context, case, kwargs):
    if "hash" in (case.path_parameters or {}):
        case.path_parameters["hash"] = next(HASHES)
"#;

#[test]
fn torrents_that_are_known_are_renamed_put_to_sleep_and_taken_away_as_documented() {
    let mut stand = Stand::new();
    let hashes: Vec<String> = (1..=30).map(|number| format!("{number:040x}")).collect();
    for hash in &hashes {
        let link = format!("magnet:?xt=urn:btih:{hash}");
        let request = json!({"link": link, "title": "before", "save": true});
        assert_eq!(stand.ask("POST", "torrents", &request).status, 200);
    }
    let changing = [
        ["--include-method", "PATCH"],
        ["--include-method", "POST"],
        ["--include-method", "DELETE"],
        ["--exclude-path-regex", "library|settings|refused|torrents$"],
        ["--max-examples", "10"],
        ["--max-time", "20"],
    ];
    pass_with(
        &stand,
        "hooks = \"known\"\n",
        "coverage,fuzzing",
        &changing.concat(),
        &hashes,
    );
    let left = stand.get("torrents");
    let left = left["torrents"].as_array().unwrap();
    assert!(left.len() < hashes.len(), "none was taken away");
    // What one answer names is asked for by the next requests.
    pass_with(
        &stand,
        "",
        "stateful",
        &["--max-examples", "5", "--max-time", "15"],
        &[],
    );
    assert!(!stand.server.ended());
}
