//! Which module of a crate imports from which: names resolved as far as the rule on cycles needs.
//!
//! A node is a file. A path in its code (`crate::a::b::X`, `super::X`, `child::f`) becomes an edge
//! to the file that defines the name. Two things are not imports: the `mod` line of a parent, and
//! a re-export (`pub use child::X`); a path that goes through a re-export leads to where the name
//! comes from. Test code is left out. Paths inside of macro calls are not seen.

mod reading;

use std::collections::{BTreeMap, BTreeSet};

use crate::source::SourceFile;
pub(crate) use reading::ModulePath;
use reading::{Module, Reading};

/// How many re-exports one name may go through; more is a loop of re-exports.
const HOPS_MAX: usize = 16;

/// The modules of one crate, by path.
pub(crate) struct ModuleTree {
    modules: BTreeMap<ModulePath, Module>,
}

/// One import: from a module to another, with the line of its first mention.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) to: ModulePath,
    pub(crate) line: usize,
}

impl ModuleTree {
    /// The trees of all crates among `files`, one for each `src` directory.
    pub(crate) fn of_workspace(files: &[SourceFile]) -> Vec<Self> {
        let mut crates: BTreeMap<&str, Vec<&SourceFile>> = BTreeMap::new();
        for file in files.iter().filter(|file| !file.is_test) {
            crates.entry(file.crate_dir()).or_default().push(file);
        }
        crates
            .into_iter()
            .map(|(dir, files)| Self::of_crate(dir, &files))
            .collect()
    }

    fn of_crate(dir: &str, files: &[&SourceFile]) -> Self {
        let src = format!("{dir}/src/");
        let has_library = files.iter().any(|file| file.path == format!("{src}lib.rs"));
        let mut placed = Vec::new();
        for file in files {
            let Some(inner) = file.path.strip_prefix(&src) else {
                continue;
            };
            // A binary beside a library is a crate of its own, with one module.
            if (has_library && inner == "main.rs") || inner.starts_with("bin/") {
                continue;
            }
            placed.push((path_of(inner), *file));
        }
        let known: BTreeSet<ModulePath> = placed.iter().map(|(path, _)| path.clone()).collect();
        let mut modules = BTreeMap::new();
        for (path, file) in placed {
            let module = Reading::new(&known, &path).read(file);
            modules.insert(path, module);
        }
        Self { modules }
    }

    /// The file that a module stands in.
    pub(crate) fn file_of(&self, path: &ModulePath) -> &str {
        self.modules.get(path).map_or("", |module| &module.file)
    }

    /// Who imports from whom; a module never from itself.
    pub(crate) fn imports(&self) -> BTreeMap<ModulePath, Vec<Import>> {
        let mut graph = BTreeMap::new();
        for (from, module) in &self.modules {
            let mut first: BTreeMap<ModulePath, usize> = BTreeMap::new();
            for (mention, line) in &module.mentions {
                let Some(to) = self.resolve(mention, 0) else {
                    continue;
                };
                if to != *from {
                    let seen = first.entry(to).or_insert(*line);
                    *seen = (*seen).min(*line);
                }
            }
            let edges = first.into_iter().map(|(to, line)| Import { to, line });
            graph.insert(from.clone(), edges.collect());
        }
        graph
    }

    /// The module that defines what an absolute path names; None for a path without end.
    fn resolve(&self, path: &[String], hops: usize) -> Option<ModulePath> {
        if hops > HOPS_MAX {
            return None;
        }
        let depth = (0..=path.len())
            .rev()
            .find(|depth| self.modules.contains_key(&path[..*depth]))?;
        let home = path[..depth].to_vec();
        let Some(name) = path.get(depth) else {
            return Some(home);
        };
        let module = self.modules.get(&home)?;
        if module.items.contains(name) {
            return Some(home);
        }
        if let Some(alias) = module.aliases.get(name) {
            let mut further = alias.target.clone();
            further.extend_from_slice(&path[depth + 1..]);
            // A name from another crate ends here.
            return self.resolve(&further, hops + 1).or(Some(home));
        }
        for glob in &module.globs {
            if self.offers(glob, name) {
                let mut further = glob.clone();
                further.extend_from_slice(&path[depth..]);
                return self.resolve(&further, hops + 1);
            }
        }
        Some(home)
    }

    fn offers(&self, module: &ModulePath, name: &str) -> bool {
        self.modules.get(module).is_some_and(|module| {
            let alias = module.aliases.get(name);
            module.items.contains(name) || alias.is_some_and(|alias| alias.reexport)
        })
    }
}

/// `demand/window.rs` → demand, window; `lib.rs` → the root.
fn path_of(inner: &str) -> ModulePath {
    let mut parts: ModulePath = inner
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    let last = parts.last().map(String::as_str);
    if last == Some("mod") || (parts.len() == 1 && matches!(last, Some("lib" | "main"))) {
        parts.pop();
    }
    parts
}
