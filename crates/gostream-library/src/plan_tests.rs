//! Tests of the plan.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

const GIB: u64 = 1 << 30;

fn hash() -> TorrentHash {
    "0f1e2d3c4b5a69788796a5b4c3d2e1f00a1b2c3d".parse().unwrap()
}

fn files(list: &[(&str, u64)]) -> Vec<TorrentFile> {
    list.iter()
        .map(|(path, length)| TorrentFile {
            path: path.split('/').map(str::to_owned).collect(),
            length: *length,
        })
        .collect()
}

fn options(dir: &str, name: &str) -> PlanOptions {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    PlanOptions {
        dir: some(dir),
        name: some(name),
    }
}

/// The paths of the plan, each film followed by its side-cars.
fn planned(list: &[(&str, u64)], torrent: &str, dir: &str, name: &str) -> Vec<String> {
    let stubs = plan_stubs(&files(list), torrent, &hash(), &options(dir, name)).unwrap();
    stubs
        .into_iter()
        .flat_map(|stub| {
            let beside = stub.sidecars.into_iter().map(|s| s.virtual_path);
            std::iter::once(stub.virtual_path).chain(beside)
        })
        .collect()
}

#[test]
fn a_film_goes_to_movies_with_its_subtitles_beside_it() {
    let list = [
        ("Tin.Moon.2031.mkv", 4 * GIB),
        ("Tin.Moon.2031.en.forced.srt", 9),
        ("Subs/2_English.srt", 9),
        ("Subs/3_English.srt", 9),
        ("Subs/Italian.idx", 9),
        ("Subs/Italian.sub", 9),
        ("Subs/tin-moon.eng.ass", 9),
        ("readme.txt", 9),
        ("empty.srt", 0),
    ];
    assert_eq!(
        planned(&list, "Tin.Moon", "", ""),
        [
            "movies/Tin.Moon.2031_0a1b2c3d.mkv",
            "movies/Tin.Moon.2031_0a1b2c3d.en.srt",
            "movies/Tin.Moon.2031_0a1b2c3d.en.2.srt",
            "movies/Tin.Moon.2031_0a1b2c3d.it.idx",
            "movies/Tin.Moon.2031_0a1b2c3d.it.sub",
            "movies/Tin.Moon.2031_0a1b2c3d.eng.ass",
            "movies/Tin.Moon.2031_0a1b2c3d.en.forced.srt",
        ]
    );
}

#[test]
fn a_season_goes_to_tv_and_its_extras_with_it() {
    let list = [
        ("Copper.Lanterns.S01E02.mkv", GIB),
        ("Copper.Lanterns.S01E01.mkv", GIB),
        ("Extras/Making.Of.mkv", GIB),
        ("Subs/Copper.Lanterns.S01E02/4_French.srt", 9),
        ("whatever.s01e01.german.srt", 9),
        ("whatever.german.srt", 9),
    ];
    assert_eq!(
        planned(&list, "Copper Lanterns (2031) S01 1080p", "", ""),
        [
            "tv/Copper_Lanterns (2031)/Season.01/Copper_Lanterns_S01E01_0f1e2d3c.mkv",
            "tv/Copper_Lanterns (2031)/Season.01/Copper_Lanterns_S01E01_0f1e2d3c.de.srt",
            "tv/Copper_Lanterns (2031)/Season.01/Copper_Lanterns_S01E02_0f1e2d3c.mkv",
            "tv/Copper_Lanterns (2031)/Season.01/Copper_Lanterns_S01E02_0f1e2d3c.fr.srt",
            "tv/Copper_Lanterns (2031)/Extras/Making.Of_0a1b2c3d.mkv",
        ]
    );
}

#[test]
fn an_episode_without_a_show_name_takes_it_from_its_folder_or_torrent() {
    assert_eq!(
        planned(
            &[
                ("Copper Lanterns Season 2/S02E03.mkv", 1),
                ("01 - S02E04.mkv", 1)
            ],
            "Tin Moon 2031 S02",
            "",
            ""
        ),
        [
            "tv/Tin_Moon (2031)/Season.02/Tin_Moon_S02E04_0f1e2d3c.mkv",
            "tv/Copper_Lanterns/Season.02/Copper_Lanterns_S02E03_0f1e2d3c.mkv",
        ]
    );
    assert_eq!(
        planned(&[("abc123.mkv", 1)], "Tin.Moon.S01E05.1080p", "", ""),
        ["tv/Tin_Moon/Season.01/Tin_Moon_S01E05_0f1e2d3c.mkv"]
    );
    assert_eq!(
        planned(&[("S01E05.mkv", 1)], "S01E05.mkv", "", ""),
        ["tv/Unknown_Show/Season.01/Unknown_Show_S01E05_0f1e2d3c.mkv"]
    );
}

#[test]
fn folder_and_name_of_the_user_win() {
    let film = [("x.mkv", 1)];
    assert_eq!(
        planned(&film, "x", "kids/films/", "Tin Moon (2031)"),
        ["kids/films/Tin.Moon.2031_0a1b2c3d.mkv"]
    );
    assert_eq!(
        planned(&film, "x", "", "Tin Moon S01E02"),
        ["tv/Tin_Moon/Season.01/Tin_Moon_S01E02_0f1e2d3c.mkv"]
    );
    let episode = [("Show.S01E02.mkv", 1)];
    assert_eq!(
        planned(&episode, "x", "movies", ""),
        ["movies/Show.S01E02_0a1b2c3d.mkv"]
    );
    assert_eq!(
        planned(&episode, "x", "kids", "Tin Moon (2031)"),
        ["kids/Tin_Moon (2031)/Season.01/Tin_Moon_S01E02_0f1e2d3c.mkv"]
    );
    assert_eq!(
        planned(&[("a.mkv", 1), ("b.mkv", 1)], "x", "", "Box"),
        ["movies/Box.a_0a1b2c3d.mkv", "movies/Box.b_0a1b2c3d.mkv"]
    );
}

#[test]
fn equal_names_get_numbers_even_when_only_the_case_differs() {
    assert_eq!(
        planned(
            &[("a/Film.mkv", 1), ("b/film.mp4", 1), ("c/FILM.avi", 1)],
            "x",
            "",
            ""
        ),
        [
            "movies/Film_0a1b2c3d.mkv",
            "movies/film-2_0a1b2c3d.mkv",
            "movies/FILM-3_0a1b2c3d.mkv"
        ]
    );
}

#[test]
fn ids_are_ranks_and_samples_are_left_out() {
    let list = files(&[
        ("z.mkv", 5),
        ("b.nfo", 1),
        ("sample-z.mkv", 6),
        ("a.mp4", 7),
        ("empty.mkv", 0),
    ]);
    let stubs = plan_stubs(&list, "x", &hash(), &PlanOptions::default()).unwrap();
    let seen: Vec<_> = stubs
        .iter()
        .map(|s| (s.torrent_file, s.index, s.size))
        .collect();
    assert_eq!(seen, [(3, 1, 7), (0, 5, 5)]);
}

#[test]
fn a_torrent_without_video_says_why() {
    let error = |list: &[(&str, u64)]| {
        plan_stubs(&files(list), "x", &hash(), &PlanOptions::default()).unwrap_err()
    };
    assert_eq!(
        error(&[]),
        PlanError::NoVideo {
            files: 0,
            samples: 0,
            empty: 0
        }
    );
    assert_eq!(
        error(&[("a.txt", 1), ("sample.mkv", 1), ("b.mkv", 0)]),
        PlanError::NoVideo {
            files: 3,
            samples: 1,
            empty: 1
        }
    );
    assert!(matches!(
        error(&[("a.mkv", FILM_BYTES_MAX + 1)]),
        PlanError::TooLarge { .. }
    ));
}

#[test]
fn bad_folders_and_names_are_refused() {
    let error = |dir: &str, name: &str| {
        let options = PlanOptions {
            dir: Some(dir.to_owned()),
            name: Some(name.to_owned()),
        };
        plan_stubs(&files(&[("a.mkv", 1)]), "x", &hash(), &options).unwrap_err()
    };
    for dir in ["", "/", "/etc", "..", "movies/../..", "a//b", "a\0b", "a/."] {
        assert!(
            matches!(error(dir, "n"), PlanError::BadDir { .. }),
            "{dir:?}"
        );
    }
    assert!(matches!(error(".hidden", "n"), PlanError::HiddenDir { .. }));
    assert!(matches!(
        error(&["d"; 16].join("/"), "n"),
        PlanError::BadDir { .. }
    ));
    for name in ["", "..", "a/b", "a\\b", "a\nb", " ", &"n".repeat(256)] {
        assert!(
            matches!(error("movies", name), PlanError::BadName { .. }),
            "{name:?}"
        );
    }
}

proptest! {
    #[test]
    fn every_plan_has_distinct_paths_inside_the_library(
        list in prop::collection::vec(("[A-Za-z .éS/0-9E]{1,24}", prop::sample::select(vec![".mkv", ".MP4", ".srt", ".txt"]), 0u64..9), 1..20),
        torrent in "\\PC{0,60}", name in prop::option::of("[a-zA-Z .]{1,30}"), tag in "(S[0-9]{1,3}E[0-9]{1,3})?",
    ) {
        let list: Vec<TorrentFile> = list.into_iter().map(|(stem, extension, length)| TorrentFile {
            path: format!("{stem}{tag}{extension}").split('/').map(str::to_owned).collect(),
            length,
        }).collect();
        let options = PlanOptions { dir: None, name };
        if let Ok(stubs) = plan_stubs(&list, &torrent, &hash(), &options) {
            prop_assert_eq!(&plan_stubs(&list, &torrent, &hash(), &options).unwrap(), &stubs);
            let mut seen = HashSet::new();
            for stub in &stubs {
                prop_assert!(stub.virtual_path.ends_with(".mkv"));
                let beside = stub.sidecars.iter().map(|s| &s.virtual_path);
                for path in std::iter::once(&stub.virtual_path).chain(beside) {
                    prop_assert_eq!(path::check(path), Ok(()));
                    prop_assert!(seen.insert(path.to_lowercase()), "{} twice", path);
                }
            }
        }
    }
}
