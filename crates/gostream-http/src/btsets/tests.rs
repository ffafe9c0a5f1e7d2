//! Both ways through the table.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;

fn object(value: Value) -> Values {
    value.as_object().unwrap().clone()
}

fn ours() -> Values {
    object(json!({
        "read_ahead_budget_mb": 256, "retrackers_mode": 1, "disconnect_timeout_seconds": 60.0,
        "download_limit_kb": 0, "upload_limit_kb": 1024, "connections_per_torrent": 25, "torrent_port": 8091,
        "warm_cache": true, "utp": false, "dht": true, "disable_upload": false, "lsd": true,
        "port_forwarding": "pcp", "verification": "verified", "log_level": "WARN",
        "encryption_outgoing": "prefer", "encryption_incoming": "off",
        "blocklist_url": "", "blocklist_enabled": false, "blocklist_file": "",
    }))
}

fn with(changes: Values) -> Values {
    ours().into_iter().chain(changes).collect()
}

fn changed(wanted: Value) -> Values {
    changes(&object(wanted), &ours()).unwrap()
}

#[test]
fn what_is_read_and_sent_back_changes_nothing() {
    assert_eq!(changes(&shown(&ours()), &ours()), Ok(Values::new()));
    let same = json!({"CacheSize": 268_435_456.0, "NoSuchKey": [1], "TorznabUrls": null, "PreloadCache": 7});
    assert_eq!(changed(same), Values::new());
}

#[test]
fn what_is_set_is_read_again_for_every_name_that_means_something() {
    for row in TABLE {
        let wanted = match (&row.meaning, row.meaning.shown(&ours())) {
            (Meaning::Nothing(_), _) => continue,
            (Meaning::Number(number), _) => json!(3 * number.scale),
            (Meaning::Flag(_), now) => json!(now != json!(true)),
            (Meaning::Blocklist, _) => json!("http://lists.example/a.gz"),
        };
        let sets = object(json!({row.name: wanted}));
        let changes = changes(&sets, &ours()).unwrap();
        assert!(!changes.is_empty(), "{}", row.name);
        let after = shown(&with(changes));
        for (name, value) in shown(&ours()) {
            let expected = sets.get(&name).unwrap_or(&value);
            assert_eq!(&after[&name], expected, "{name} after {sets:?}");
        }
    }
}

#[test]
fn their_words_say_what_is_set_here() {
    let shown = shown(&ours());
    for (name, value) in [
        ("CacheSize", json!(268_435_456)),
        ("TorrentDisconnectTimeout", json!(60)),
        ("DisableUTP", json!(true)),
        ("DisableDHT", json!(false)),
        ("DisableUPNP", json!(false)),
        ("ForceEncrypt", json!(false)),
        ("ResponsiveMode", json!(false)),
        ("UseDisk", json!(true)),
        ("SslCert", json!("")),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let short = with(object(
        json!({"disconnect_timeout_seconds": 0.5, "log_level": "debug"}),
    ));
    let shown = super::shown(&short);
    assert_eq!(shown["TorrentDisconnectTimeout"], 1, "0 would say never");
    assert_eq!(shown["EnableDebug"], true);
}

#[test]
fn only_what_differs_is_changed_and_zero_may_ask_for_the_default() {
    for (wanted, change) in [
        (
            json!({"CacheSize": 67_108_865}),
            json!({"read_ahead_budget_mb": 65}),
        ),
        (
            json!({"CacheSize": 0}),
            json!({"read_ahead_budget_mb": null}),
        ),
        (
            json!({"ConnectionsLimit": 0}),
            json!({"connections_per_torrent": null}),
        ),
        (
            json!({"TorrentDisconnectTimeout": 0}),
            json!({"disconnect_timeout_seconds": null}),
        ),
        (json!({"UploadRateLimit": 0}), json!({"upload_limit_kb": 0})),
        (json!({"DisableUTP": false}), json!({"utp": true})),
        (
            json!({"DisableUPNP": true}),
            json!({"port_forwarding": "off"}),
        ),
        (
            json!({"ForceEncrypt": true}),
            json!({"encryption_outgoing": "require", "encryption_incoming": "require"}),
        ),
        (
            json!({"ForceEncrypt": false, "EnableDebug": false}),
            json!({}),
        ),
        (
            json!({"ResponsiveMode": true}),
            json!({"verification": "responsive"}),
        ),
        (json!({"UseDisk": false}), json!({"warm_cache": false})),
    ] {
        assert_eq!(changed(wanted), object(change));
    }
}

#[test]
fn the_disk_stays_out_of_use_where_the_path_beside_it_is_empty() {
    let off = with(object(json!({"warm_cache": false})));
    let wanted = |path: Option<&str>| {
        let mut sets = object(json!({"UseDisk": true}));
        sets.extend(path.map(|path| ("TorrentsSavePath".to_owned(), path.into())));
        changes(&sets, &off).unwrap()
    };
    assert_eq!(wanted(Some("")), Values::new());
    assert_eq!(
        wanted(Some("/srv/cache")),
        object(json!({"warm_cache": true}))
    );
    assert_eq!(wanted(None), object(json!({"warm_cache": true})));
}

#[test]
fn a_blocklist_is_in_use_while_something_names_it() {
    let listed = object(json!({"blocklist_url": "http://l/", "blocklist_enabled": true}));
    assert_eq!(changed(json!({"BlockListURL": "http://l/"})), listed);
    let none = object(json!({"BlockListURL": ""}));
    assert_eq!(
        changes(&none, &with(listed.clone())),
        Ok(object(
            json!({"blocklist_url": "", "blocklist_enabled": false})
        ))
    );
    let mut with_file = with(listed);
    with_file.insert("blocklist_file".to_owned(), json!("/etc/list"));
    assert_eq!(
        changes(&none, &with_file),
        Ok(object(json!({"blocklist_url": ""})))
    );
}

#[test]
fn a_value_of_another_kind_is_refused_by_name() {
    for (wanted, name) in [
        (json!({"CacheSize": -1}), "CacheSize"),
        (json!({"CacheSize": "64"}), "CacheSize"),
        (json!({"ConnectionsLimit": 2.5}), "ConnectionsLimit"),
        (json!({"UploadRateLimit": 1e300}), "UploadRateLimit"),
        (json!({"DisableDHT": 1}), "DisableDHT"),
        (json!({"BlockListURL": null}), "BlockListURL"),
        (json!({"PreloadCache": true}), "PreloadCache"),
        (json!({"DisableUTP": false, "SslKey": 1}), "SslKey"),
    ] {
        let refused = changes(&object(wanted), &ours()).unwrap_err().to_string();
        assert!(
            refused.starts_with(&format!("{name}: expected ")),
            "{refused}"
        );
    }
}

#[test]
fn the_defaults_are_those_of_every_key_that_can_be_set() {
    let mut keys = ours();
    keys.remove(BLOCKLIST_FILE);
    let defaults = defaults();
    assert!(defaults.values().all(Value::is_null));
    assert_eq!(defaults.len(), keys.len());
    assert!(keys.keys().all(|key| defaults.contains_key(key)));
}
