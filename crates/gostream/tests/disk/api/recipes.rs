//! The recipes of docs/HTTP_API.md, run one after the other as they stand there.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::{SOON, stand};
use crate::harness::{cli, wait, workspace};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn every_recipe_of_the_manual_works() {
    // First those of the versioned API, then those of TorrServer.
    let mut stand = stand();
    let manual = fs::read_to_string(workspace().join("docs/HTTP_API.md")).unwrap();
    let mut blocks = manual.split("```sh\n").skip(1);
    let mut count = 0;
    for block in blocks.by_ref() {
        let recipe = block.split("```").next().unwrap();
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", recipe]);
        command.env("API", stand.url(""));
        command.env("LINK", stand.film.magnet());
        command.env("HASH", stand.hash());
        command.env("TORRENT", &stand.film.torrent.path);
        let finished = cli::finish(&mut command, LIMIT);
        assert_eq!(finished.code, Some(0), "{recipe}{}", finished.err);
        if recipe.contains("\"action\":\"add\"") {
            wait::until("the files are known", SOON, || {
                stand.get()["file_stats"].is_array().then_some(())
            });
        }
        count += 1;
    }
    assert!(count > 10, "the recipes were not found");
    // The last one ends the server.
    wait::until("it has ended", SOON, || stand.server.ended().then_some(()));
}
