//! Crates import downward only, and the lowest two know no I/O.
//!
//! The table is the crate list of the architecture: who may depend on whom. A crate that is not
//! in it is a finding, so a new crate is placed in a layer before it is used. The simulator is a
//! development tool: anybody may test with it, nobody may ship it.

use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::source::{SourceFile, TextFile};

/// (crate, what it may depend on); `*` is everything but the simulator and this crate.
const LAYERS: [(&str, &[&str]); 11] = [
    ("gostream", &["*"]),
    (
        "gostream-http",
        &["gostorm", "gostream-store", "gostream-library"],
    ),
    (
        "gostream-sync",
        &["gostream-library", "gostream-store", "gostorm"],
    ),
    ("gostream-fs", &["gostream-library"]),
    ("gostream-store", &["gostream-library"]),
    ("gostream-library", &[]),
    ("gostorm", &["gostorm-core", "gostorm-wire"]),
    ("gostorm-core", &["gostorm-wire"]),
    ("gostorm-wire", &[]),
    ("gostorm-sim", &["gostorm-core", "gostorm-wire"]),
    ("xtask", &[]),
];

const SANS_IO: [&str; 2] = ["gostorm-core", "gostorm-wire"];
const IO_CRATES: [&str; 12] = [
    "tokio",
    "mio",
    "socket2",
    "reqwest",
    "hyper",
    "axum",
    "fuser",
    "rusqlite",
    "async-std",
    "smol",
    "rand",
    "rustix",
];
const SOCKET_TYPES: [&str; 4] = ["TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs"];

pub(crate) fn check(manifests: &[TextFile], files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests {
        check_manifest(manifest, &mut findings);
    }
    for file in files {
        let dir = file.crate_dir();
        if !file.is_test && SANS_IO.iter().any(|name| dir == format!("crates/{name}")) {
            let mut sockets = Sockets {
                path: &file.path,
                findings: &mut findings,
            };
            sockets.visit_file(&file.syntax);
        }
    }
    findings
}

fn check_manifest(manifest: &TextFile, findings: &mut Vec<Finding>) {
    let dir = manifest.path.trim_end_matches("/Cargo.toml");
    let name = dir.rsplit('/').next().unwrap_or(dir);
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        let text = format!("crate {name} has no place in the table of layers");
        findings.push(Finding::of_file("layers", &manifest.path, text));
        return;
    };
    for dependency in dependencies(&manifest.text) {
        let ours = dependency.name.starts_with("gost") || dependency.name == "xtask";
        let fine = if dependency.name == "gostorm-sim" {
            dependency.dev
        } else if ours {
            allowed.contains(&dependency.name)
                || (allowed.contains(&"*") && dependency.name != "xtask")
        } else {
            !(SANS_IO.contains(&name) && IO_CRATES.contains(&dependency.name))
        };
        if !fine {
            let text = format!("{name} must not depend on {}", dependency.name);
            let item = dependency.name;
            findings.push(Finding::at(
                "layers",
                &manifest.path,
                dependency.line,
                item,
                text,
            ));
        }
    }
}

struct Dependency<'a> {
    name: &'a str,
    line: usize,
    dev: bool,
}

/// Reads the keys of the dependency tables. Manifests here have one dependency a line.
fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut dev = false;
    for (index, text) in manifest.lines().enumerate() {
        let text = text.trim();
        if let Some(table) = text.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table.ends_with("dependencies");
            dev = table.ends_with("dev-dependencies");
        } else if inside && !text.starts_with('#') {
            let name = text.split(['.', '=', ' ']).next().unwrap_or("");
            if !name.is_empty() {
                let line = index + 1;
                found.push(Dependency { name, line, dev });
            }
        }
    }
    found
}

struct Sockets<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl<'ast> Visit<'ast> for Sockets<'_> {
    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        if SOCKET_TYPES.iter().any(|name| ident == name) {
            let line = ident.span().start().line;
            let name = ident.to_string();
            let text = format!("{name}: this crate has no sockets");
            let finding = Finding::at("layers", self.path, line, &name, text);
            self.findings.push(finding);
        }
        visit::visit_ident(self, ident);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn items_of(path: &str, text: &str) -> Vec<String> {
        let manifest = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        check(&[manifest], &[])
            .into_iter()
            .map(|f| f.item)
            .collect()
    }

    #[test]
    fn an_import_upward_is_found() {
        let text = "[package]\nname = 1\n[dependencies]\ngostorm-wire.workspace = true\ngostorm = { path = 1 }\n";
        assert_eq!(
            items_of("crates/gostorm-core/Cargo.toml", text),
            ["gostorm"]
        );
    }

    #[test]
    fn the_simulator_is_for_tests_only() {
        let text = "[dependencies]\ngostorm-sim = \"1\"\n";
        assert_eq!(
            items_of("crates/gostream/Cargo.toml", text),
            ["gostorm-sim"]
        );
        let text = "[dev-dependencies]\ngostorm-sim = \"1\"\n";
        assert_eq!(items_of("crates/gostream/Cargo.toml", text), [""; 0]);
    }

    #[test]
    fn the_state_machine_has_no_runtime() {
        let text = "[dependencies]\nbytes.workspace = true\ntokio.workspace = true\n";
        assert_eq!(items_of("crates/gostorm-core/Cargo.toml", text), ["tokio"]);
        assert_eq!(items_of("crates/gostorm/Cargo.toml", text), [""; 0]);
    }

    #[test]
    fn a_crate_outside_of_the_table_is_found() {
        assert_eq!(items_of("crates/gostream-x/Cargo.toml", ""), ["-"]);
    }

    #[test]
    fn a_socket_in_the_wire_crate_is_found_and_an_address_is_not() {
        let text = "use std::net::{SocketAddr, UdpSocket};";
        let file = SourceFile::parse("crates/gostorm-wire/src/a.rs", text).unwrap();
        let found = check(&[], &[file]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].item, "UdpSocket");
    }
}
