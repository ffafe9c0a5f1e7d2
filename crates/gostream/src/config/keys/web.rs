//! Keys of the web ports: whom they serve, and what a client must know.

use super::row::{PORTS, int, port, switch, text, texts_of};
use crate::config::key::{Form, Key};

/// The rows.
pub(super) const KEYS: &[Key] = &[
    texts_of(
        "listen",
        &["loopback", "private"],
        Form::Clients,
        // The form lets nothing else through.
        |c, words| {
            c.web.access.from = words.iter().filter_map(|word| word.parse().ok()).collect();
        },
        "Whom the web ports serve: loopback, private (home networks), addresses and networks.",
    )
    .live(),
    int(
        "api_listen_port",
        8090,
        PORTS,
        "",
        Some(|c, n| c.web.api_port = port(n)),
        "Port of the API that clients of TorrServer speak; 0 opens none. gostorm_url should name it too.",
    ),
    switch(
        "api_local_links",
        false,
        Some(|c, on| c.web.api_local_links = on),
        "Let clients of the API name .torrent files at addresses of this machine and its network.",
    ),
    text(
        "web_user",
        "",
        Form::Any,
        Some(|c, v| v.clone_into(&mut c.web.access.login.user)),
        "Name that the web ports ask for, together with web_password.",
    )
    .live(),
    text(
        "web_password",
        "",
        Form::Any,
        Some(|c, v| v.clone_into(&mut c.web.access.login.password)),
        "Password of web_user.",
    )
    .live()
    .hidden(),
    text(
        "web_token",
        "",
        Form::Any,
        Some(|c, v| v.clone_into(&mut c.web.access.login.token)),
        "Token that the web ports take in place of name and password (Authorization: Bearer).",
    )
    .live()
    .hidden(),
    text(
        "webhook_key",
        "",
        Form::Any,
        Some(|c, v| v.clone_into(&mut c.web.access.webhook_key.0)),
        "What webhooks of media servers must bring as ?key=; empty: nothing.",
    )
    .live()
    .hidden(),
    switch(
        "web_open_streams",
        false,
        Some(|c, on| c.web.access.open_streams = on),
        "Let players that send no login stream torrents that are known, at the API port: whoever guesses a hash then sees what you have, and can watch it.",
    )
    .live(),
    texts_of(
        "cors_origins",
        &[],
        Form::Origin,
        |c, words| {
            c.web.access.cors_origins = words.iter().filter_map(|word| word.parse().ok()).collect();
        },
        "Origins of web pages that may call the web ports from a browser, or * for all; without a login the ports answer to the host names of these, too.",
    )
    .live(),
];
