//! No import cycle between the modules of a crate.
//!
//! `modules` says who imports from whom; here the modules that reach each other are grouped, and
//! each group is one finding that spells out a shortest way round with file and line.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::finding::Finding;
use crate::modules::{Import, ModulePath, ModuleTree};
use crate::source::SourceFile;

type Graph = BTreeMap<ModulePath, Vec<Import>>;

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let trees = ModuleTree::of_workspace(files);
    trees.iter().flat_map(cycles_of).collect()
}

fn cycles_of(tree: &ModuleTree) -> Vec<Finding> {
    let graph = tree.imports();
    let mut findings = Vec::new();
    let mut told: BTreeSet<ModulePath> = BTreeSet::new();
    for start in graph.keys() {
        if told.contains(start) {
            continue;
        }
        let Some(way) = way_round(&graph, start) else {
            continue;
        };
        // Everything in the same knot is told once, by its first module.
        let ahead = reachable(&graph, start);
        for module in &ahead {
            if reachable(&graph, module).contains(start) {
                told.insert(module.clone());
            }
        }
        let mut text = "import cycle: ".to_owned();
        for (from, line) in &way {
            text.push_str(&format!("{} (line {line}) -> ", name_of(from)));
        }
        text.push_str(&name_of(start));
        let line = way.first().map_or(1, |(_, line)| *line);
        let modules: Vec<String> = way.iter().map(|(from, _)| name_of(from)).collect();
        let item = modules.join(",");
        findings.push(Finding::at(
            "import-cycle",
            tree.file_of(start),
            line,
            &item,
            text,
        ));
    }
    findings
}

fn name_of(module: &ModulePath) -> String {
    if module.is_empty() {
        return "crate".to_owned();
    }
    module.join("::")
}

fn reachable(graph: &Graph, start: &ModulePath) -> BTreeSet<ModulePath> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(module) = open.pop() {
        for import in graph.get(module).into_iter().flatten() {
            if seen.insert(import.to.clone()) {
                open.push(&import.to);
            }
        }
    }
    seen
}

/// A shortest cycle through `start`, as modules with the line of the import that leads on.
fn way_round(graph: &Graph, start: &ModulePath) -> Option<Vec<(ModulePath, usize)>> {
    let mut came: BTreeMap<&ModulePath, (&ModulePath, usize)> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(module) = open.pop_front() {
        for import in graph.get(module).into_iter().flatten() {
            if came.contains_key(&import.to) {
                continue;
            }
            came.insert(&import.to, (module, import.line));
            open.push_back(&import.to);
        }
    }
    let mut way = Vec::new();
    let mut at = start;
    loop {
        let (from, line) = came.get(at)?;
        way.push(((*from).clone(), *line));
        at = from;
        if at == start {
            way.reverse();
            return Some(way);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn cycles(sources: &[(&str, &str)]) -> Vec<String> {
        let parse = |(name, text): &(&str, &str)| {
            SourceFile::parse(&format!("crates/a/src/{name}"), text).unwrap()
        };
        let files: Vec<SourceFile> = sources.iter().map(parse).collect();
        check(&files).into_iter().map(|f| f.item).collect()
    }

    #[test]
    fn siblings_that_import_each_other_are_a_cycle() {
        let sources = [
            ("lib.rs", "mod b; mod c;"),
            ("b.rs", "use crate::c::C; pub struct B;"),
            ("c.rs", "pub struct C(super::b::B);"),
        ];
        assert_eq!(cycles(&sources), ["b,c"]);
    }

    #[test]
    fn a_longer_way_round_is_found() {
        let sources = [
            ("lib.rs", "mod b; mod c; mod d;"),
            ("b.rs", "use crate::c;"),
            ("c.rs", "fn f() { crate::d::g(); }"),
            ("d.rs", "use crate::{b::{self, X}}; pub fn g() {}"),
        ];
        assert_eq!(cycles(&sources), ["b,c,d"]);
    }

    #[test]
    fn a_child_may_use_what_its_parent_defines() {
        let sources = [
            ("lib.rs", "mod b;"),
            ("b.rs", "mod c; pub use c::C; pub struct B;"),
            ("b/c.rs", "use super::B; pub struct C(B);"),
        ];
        assert_eq!(cycles(&sources), [""; 0]);
    }

    #[test]
    fn a_parent_that_calls_its_child_and_is_used_by_it_is_a_cycle() {
        let sources = [
            ("lib.rs", "mod b;"),
            ("b.rs", "mod c; pub struct B; fn f() { c::g(); }"),
            ("b/c.rs", "use super::B; pub fn g() {}"),
        ];
        assert_eq!(cycles(&sources), ["b,b::c"]);
    }

    #[test]
    fn a_parent_that_uses_its_own_re_export_depends_on_the_child() {
        let sources = [
            ("lib.rs", "mod b;"),
            ("b.rs", "mod c; pub use c::C; pub struct B(C);"),
            ("b/c.rs", "use super::B; pub struct C;"),
        ];
        assert_eq!(cycles(&sources), ["b,b::c"]);
    }

    #[test]
    fn a_name_through_a_re_export_leads_to_its_file() {
        let sources = [
            ("lib.rs", "mod b; mod c; pub use b::B; pub use c::*;"),
            ("b.rs", "use crate::C; pub struct B;"),
            ("c.rs", "use crate::B; pub struct C;"),
        ];
        assert_eq!(cycles(&sources), ["b,c"]);
        let straight = [
            ("lib.rs", "mod b; mod c; pub use b::B; pub use c::*;"),
            ("b.rs", "use crate::C; pub struct B;"),
            ("c.rs", "pub struct C;"),
        ];
        assert_eq!(cycles(&straight), [""; 0]);
    }

    #[test]
    fn the_code_of_tests_may_import_backwards() {
        let sources = [
            ("lib.rs", "mod b; mod c;"),
            ("b.rs", "use crate::c::C; pub struct B;"),
            (
                "c.rs",
                "pub struct C; #[cfg(test)] mod tests { use crate::b::B; use super::*; }",
            ),
        ];
        assert_eq!(cycles(&sources), [""; 0]);
    }

    #[test]
    fn an_inline_module_belongs_to_its_file() {
        let sources = [
            ("lib.rs", "mod b;"),
            (
                "b.rs",
                "pub struct B; mod inner { use super::B; } fn f() { inner::g(); }",
            ),
        ];
        assert_eq!(cycles(&sources), [""; 0]);
    }
}
