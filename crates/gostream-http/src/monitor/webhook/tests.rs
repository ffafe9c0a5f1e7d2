//! Recorded shapes of webhooks, right and wrong; ids and titles are made up.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::monitor::notice::{Event, Notice, Section};

const PLEX: &str = r#"{"event":"media.play","user":true,"owner":true,
 "Account":{"id":1,"thumb":"https://host.invalid/t.png","title":"ada"},
 "Server":{"title":"attic","uuid":"9c1f0a77e2d84b0c8c5d1e2f3a4b5c6d7e8f9012"},
 "Player":{"local":true,"publicAddress":"203.0.113.7","title":"Living room","uuid":"tv-01"},
 "Metadata":{"librarySectionType":"show","ratingKey":"812","key":"/library/metadata/812",
   "guid":"plex://episode/5d9c0a1b2c3d4e5f60718293",
   "Guid":[{"id":"tmdb://4567"},{"id":"imdb://tt0000123"},{"id":"tvdb://8910"}],
   "type":"episode","title":"The Lamp","grandparentTitle":"Copper Lanterns","parentTitle":"Season 1",
   "index":3,"parentIndex":1,"year":2031,"librarySectionTitle":"Series","librarySectionID":2}}"#;

fn notice(text: &str) -> Notice {
    match read(text).unwrap() {
        Told::Notice(notice) => *notice,
        other @ (Told::Other | Told::NoEvent) => panic!("{other:?}"),
    }
}

#[test]
fn plex_tells_which_episode_of_what_is_played_by_whom() {
    let expected = Notice {
        event: Event::Play,
        section: Section::Show,
        viewer: "plex player tv-01".to_owned(),
        imdb: Some("tt0000123".to_owned()),
        files: vec![],
        plex_item: Some("812".to_owned()),
        title: "The Lamp".to_owned(),
        series: "Copper Lanterns".to_owned(),
        year: Some(2031),
        season: Some(1),
        episode: Some(3),
    };
    assert_eq!(notice(PLEX), expected);
}

/// The recorded shape of `/library/metadata/{ratingKey}`.
const ITEM: &str = r#"{"MediaContainer":{"size":1,"identifier":"com.plexapp.plugins.library","librarySectionID":2,
 "Metadata":[{"ratingKey":"812","type":"movie","guid":"plex://movie/5d9c0a1b2c3d4e5f60718293","title":"Porto di vetro",
   "Guid":[{"id":"imdb://tt0000456"},{"id":"tmdb://4567"}],
   "Media":[{"id":1,"Part":[{"id":1,"file":"/volume1/films/Glass_Harbour_2029_0a1b2c3d.mkv","size":4000000000}]}]}]}}"#;

#[test]
fn plex_says_of_an_item_what_it_is_and_which_files_it_has() {
    let expected = PlexItem {
        imdb: Some("tt0000456".to_owned()),
        files: vec!["Glass_Harbour_2029_0a1b2c3d.mkv".to_owned()],
    };
    assert_eq!(PlexItem::read(ITEM.as_bytes()), Some(expected));
    for none in [
        "",
        "[]",
        "{}",
        r#"{"MediaContainer":{}}"#,
        r#"{"MediaContainer":{"Metadata":[]}}"#,
        "<html>",
    ] {
        assert_eq!(PlexItem::read(none.as_bytes()), None, "{none}");
    }
    let bare = r#"{"MediaContainer":{"Metadata":[{"title":"x"}]}}"#;
    assert_eq!(PlexItem::read(bare.as_bytes()), Some(PlexItem::default()));
}

#[test]
fn only_digits_are_the_number_of_an_item() {
    for (key, expected) in [
        ("\"812\"", Some("812")),
        ("812", Some("812")),
        ("\"8/../1\"", None),
        ("\"\"", None),
        ("\"123456789012345678901\"", None),
    ] {
        let told = notice(&PLEX.replace("\"812\"", key));
        assert_eq!(told.plex_item.as_deref(), expected, "{key}");
    }
    let of_jellyfin = PLEX.replace("media.play", "PlaybackStart");
    assert_eq!(notice(&of_jellyfin).plex_item, None);
}

#[test]
fn events_of_plex_are_play_stop_or_nothing_to_do() {
    for (event, expected) in [
        ("media.play", Some(Event::Play)),
        ("media.resume", Some(Event::Play)),
        ("playback.started", Some(Event::Play)),
        ("media.stop", Some(Event::Stop)),
        ("media.pause", None),
        ("media.scrobble", None),
        ("media.rate", None),
        ("library.new", None),
        ("device.new", None),
        ("something.else", None),
    ] {
        let told = read(&PLEX.replace("media.play", event)).unwrap();
        let event_of = match told {
            Told::Notice(notice) => Some(notice.event),
            Told::Other => None,
            Told::NoEvent => panic!("{event}"),
        };
        assert_eq!(event_of, expected, "{event}");
    }
}

#[test]
fn other_libraries_and_bodies_without_an_event_are_told_apart() {
    let music = PLEX.replace("\"show\"", "\"artist\"");
    assert_eq!(read(&music), Ok(Told::Other));
    assert_eq!(read("{}"), Ok(Told::NoEvent));
    assert_eq!(read(r#"{"Metadata":{}}"#), Ok(Told::NoEvent));
    assert_eq!(
        read(r#"{"event":"media.play","Metadata":[]}"#),
        Ok(Told::Other)
    );
    assert!(read("[]").is_err());
    assert!(read("no json").is_err());
    let deep = "[".repeat(100_000);
    assert!(read(&deep).is_err());
}

#[test]
fn numbers_may_be_texts_and_either_guid_may_be_missing() {
    let text = r#"{"event":"media.stop","Player":{"uuid":7},"Metadata":{"librarySectionType":"movie",
      "ratingKey":812,"guid":"com.plexapp.agents.imdb://tt0000456?lang=en","title":"Glass Harbour","year":"2029",
      "index":"","Media":[{"Part":[{"file":"D:\\Films\\Glass_Harbour_2029_0a1b2c3d.mkv"},{"file":"/a/b.mkv"}]}]}}"#;
    let notice = notice(text);
    assert_eq!(notice.viewer, "plex player 7");
    assert_eq!(notice.imdb.as_deref(), Some("tt0000456"));
    assert_eq!(notice.year, Some(2029));
    assert_eq!(notice.episode, None);
    assert_eq!(notice.files, ["Glass_Harbour_2029_0a1b2c3d.mkv", "b.mkv"]);
}

#[test]
fn only_whole_ids_are_ids() {
    for (guid, expected) in [
        ("imdb://tt0000123", Some("tt0000123")),
        ("imdb://tt1234567890", Some("tt1234567890")),
        (
            "com.plexapp.agents.imdb://tt0000123?lang=en",
            Some("tt0000123"),
        ),
        ("imdb://", None),
        ("imdb://tt", None),
        ("imdb://tt123456", None),
        ("imdb://tt12345678901", None),
        ("imdb://tt00001x3", None),
        ("tmdb://tt0000123", None),
        ("plex://movie/tt0000123", None),
        ("tt0000123", None),
    ] {
        assert_eq!(ids::imdb_of_guid(guid).as_deref(), expected, "{guid}");
    }
}

/// Our template, rendered.
const JELLYFIN: &str = r#"{"event":"PlaybackStart","item_type":"Movie","item_id":"i1",
 "title":"Glass Harbour","series":"","season":"","episode":"",
 "year":"2029","imdb":"tt0000456","tmdb":"","path":"/media/movies/Glass_Harbour_2029_0a1b2c3d.mkv",
 "position_ticks":"0","paused":"False","device":"d1","user":"ada"}"#;

#[test]
fn jellyfin_tells_it_in_our_template() {
    let expected = Notice {
        event: Event::Play,
        section: Section::Movie,
        viewer: "jellyfin device d1 item i1".to_owned(),
        imdb: Some("tt0000456".to_owned()),
        files: vec!["Glass_Harbour_2029_0a1b2c3d.mkv".to_owned()],
        title: "Glass Harbour".to_owned(),
        year: Some(2029),
        ..Notice::default()
    };
    assert_eq!(notice(JELLYFIN), expected);
    let without_device = JELLYFIN.replace("d1", "");
    assert_eq!(notice(&without_device).viewer, "jellyfin user ada item i1");
    assert_eq!(
        notice(&JELLYFIN.replace("Start", "Progress")).event,
        Event::Play
    );
    assert_eq!(
        notice(&JELLYFIN.replace("Start", "Stop")).event,
        Event::Stop
    );
    assert_eq!(read(&JELLYFIN.replace("Movie", "Audio")), Ok(Told::Other));
    assert_eq!(
        read(&JELLYFIN.replace("PlaybackStart", "ItemAdded")),
        Ok(Told::Other)
    );
}

#[test]
fn jellyfin_tells_it_with_all_its_properties() {
    let text = r#"{"ServerName":"attic","NotificationType":"PlaybackStop","ItemType":"Episode","ItemId":"i2",
      "Name":"The Lamp","SeriesName":"Copper Lanterns","SeasonNumber":1,"EpisodeNumber":3,"Year":2031,
      "Provider_imdb":"tt0000123","DeviceId":"d1","PlaybackPositionTicks":12345678901,"IsPaused":false}"#;
    let notice = notice(text);
    assert_eq!((notice.event, notice.section), (Event::Stop, Section::Show));
    assert_eq!((notice.season, notice.episode), (Some(1), Some(3)));
    assert_eq!(notice.series, "Copper Lanterns");
}

#[test]
fn jellyfin_tells_it_in_the_shape_of_plex() {
    let text = r#"{"event":"PlaybackStart","Metadata":{"title":"The Lamp","grandparentTitle":"Copper Lanterns",
      "librarySectionType":"Episode","year":,"Guid":[{"id":"imdb://"}]}}"#;
    let notice = notice(text);
    assert_eq!((notice.event, notice.section), (Event::Play, Section::Show));
    assert_eq!(notice.imdb, None, "nothing is behind the scheme");
    assert_eq!(notice.year, Some(0));
}

#[test]
fn what_a_template_breaks_is_mended() {
    for (broken, mended) in [
        (r#"{"a":,"b":1}"#, r#"{"a":0,"b":1}"#),
        (r#"{"a": }"#, r#"{"a": 0}"#),
        (r#"{"a":[{"b": , "c":""}]}"#, r#"{"a":[{"b": 0, "c":""}]}"#),
        (r#"{"a":"the "b" c"}"#, r#"{"a":"the \"b\" c"}"#),
        (r#"{"a":"D:\Films\x.mkv"}"#, r#"{"a":"D:\\Films\\x.mkv"}"#),
        (r#"{"a":"a\"b"x"}"#, r#"{"a":"a\"b\"x"}"#),
        (
            "{\"a\":\"two\nlines\",\"b\":}",
            r#"{"a":"two lines","b":0}"#,
        ),
        (r#"{"a":"x:,y","b":,}"#, r#"{"a":"x:,y","b":0,}"#),
        ("", ""),
        ("\"", "\""),
        ("\"\\", "\"\\\\"),
    ] {
        assert_eq!(repair::repair(broken), mended, "{broken}");
    }
    let windows = JELLYFIN.replace("/media/movies/", r"D:\tv\new\");
    assert_eq!(notice(&windows).files, ["Glass_Harbour_2029_0a1b2c3d.mkv"]);
}
