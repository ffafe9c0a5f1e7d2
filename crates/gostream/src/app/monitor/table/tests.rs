//! The names follow the conventions, and the documentation is that of the table.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use gostream_http::Kind;

use super::*;

fn rows() -> impl Iterator<Item = &'static Metric> {
    TABLES.iter().flat_map(|table| table.rows)
}

#[test]
fn names_are_those_of_prometheus() {
    let mut names = BTreeSet::new();
    for row in rows() {
        let name = row.name;
        assert!(names.insert(name), "{name} is there twice");
        assert!(
            name.starts_with("gostream_") || name.starts_with("process_"),
            "{name}"
        );
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{name}"
        );
        assert_eq!(
            name.ends_with("_total"),
            row.kind == Kind::Counter,
            "{name}"
        );
        let stem = name.trim_end_matches("_total");
        for unit in ["seconds", "bytes"] {
            assert_eq!(
                row.unit == unit,
                stem.ends_with(&format!("_{unit}")),
                "{name}"
            );
        }
        for word in ["_ms", "_mb", "_kb", "_percent", "_count", "_sum", "_bucket"] {
            assert!(!name.contains(word), "{name}");
        }
        assert!(row.help.ends_with('.') && row.help.len() < 120, "{name}");
    }
}

fn documentation() -> String {
    let mut text = include_str!("metrics.md").to_owned();
    for table in TABLES {
        let _ = write!(
            text,
            "\n### {}\n| name | kind | unit | |\n|---|---|---|---|\n",
            table.title
        );
        for row in table.rows {
            let kind = match row.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let labels = if row.labels.is_empty() {
                String::new()
            } else {
                format!(" Labels: {}.", row.labels)
            };
            let _ = writeln!(
                text,
                "| `{}` | {kind} | {} | {}{labels} |",
                row.name, row.unit, row.help
            );
        }
    }
    text
}

/// `GOSTREAM_WRITE_DOCS=1 cargo nextest run -p gostream metrics_md` writes it anew.
#[test]
fn docs_metrics_md_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/METRICS.md");
    let expected = documentation();
    if std::env::var_os("GOSTREAM_WRITE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == expected,
        "docs/METRICS.md is not what the table says: run this test with GOSTREAM_WRITE_DOCS=1"
    );
}
