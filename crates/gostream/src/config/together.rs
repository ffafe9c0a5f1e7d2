//! What values must not be side by side, though each is allowed.

use super::{
    error::{Place, Problem},
    settings::Config,
};

/// All that does not go together.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let login = &config.web.access.login;
    let list = &config.blocklist;
    let unnamed = list.enabled && list.file.is_none() && list.url.is_none();
    let rules = [
        (
            login.user.is_empty() && !login.password.is_empty(),
            "web_user",
            "is not set, but web_password is",
        ),
        (
            login.password.is_empty() && !login.user.is_empty(),
            "web_password",
            "is not set, but web_user is",
        ),
        (
            unnamed,
            "blocklist_enabled",
            "is true, but neither blocklist_file nor blocklist_url names a list",
        ),
    ];
    let broken = rules.into_iter().filter(|(broken, _, _)| *broken);
    broken
        .map(|(_, key, what)| Problem {
            place: Place::Together,
            key: Some(key.to_owned()),
            what: what.to_owned(),
        })
        .collect()
}
