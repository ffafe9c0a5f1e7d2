//! Reads one file into a `Module`: its names, its `use` lines, and the paths in its code.
//!
//! Paths are made absolute here, against the list of the crate's modules; a path that starts with
//! the name of another crate, a type or a variable is dropped. Called by `modules` alone.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use crate::source::{SourceFile, is_cfg_test, is_test_function};

/// Names below the crate root; the root itself is empty.
pub(crate) type ModulePath = Vec<String>;

/// One file of a crate.
#[derive(Default)]
pub(super) struct Module {
    pub(super) file: String,
    /// Names defined here: items, and inline modules.
    pub(super) items: BTreeSet<String>,
    /// Names brought in by `use`, with the absolute path that each stands for.
    pub(super) aliases: BTreeMap<String, Alias>,
    /// Modules whose names are brought in by `use path::*`.
    pub(super) globs: Vec<ModulePath>,
    /// Every path in non-test code that is no re-export, with its line.
    pub(super) mentions: Vec<(Vec<String>, usize)>,
}

pub(super) struct Alias {
    pub(super) target: Vec<String>,
    /// `pub use`, `pub(crate) use`.
    pub(super) reexport: bool,
}

pub(super) struct Reading<'a> {
    known: &'a BTreeSet<ModulePath>,
    /// Module of the file, then the inline modules around the current place.
    scope: ModulePath,
    file_depth: usize,
    module: Module,
    /// Re-exports of this very file, which its own code may use by their short names.
    short_names: Vec<(Vec<String>, usize)>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(known: &'a BTreeSet<ModulePath>, path: &ModulePath) -> Self {
        Self {
            known,
            scope: path.clone(),
            file_depth: path.len(),
            module: Module::default(),
            short_names: Vec::new(),
        }
    }

    pub(super) fn read(mut self, file: &SourceFile) -> Module {
        self.module.file.clone_from(&file.path);
        self.visit_file(&file.syntax);
        for (words, line) in std::mem::take(&mut self.short_names) {
            if let Some(alias) = self.module.aliases.get(&words[0])
                && alias.reexport
            {
                let mut target = alias.target.clone();
                target.extend_from_slice(&words[1..]);
                self.module.mentions.push((target, line));
            }
        }
        self.module
    }

    /// The path from the crate root, or None where it leads out of the crate.
    fn absolute(&self, words: &[String]) -> Option<Vec<String>> {
        let mut base = self.scope.clone();
        let rest = match words.first()?.as_str() {
            "crate" => {
                base.clear();
                &words[1..]
            }
            "self" => &words[1..],
            "super" => {
                let ups = words.iter().take_while(|word| *word == "super").count();
                base.truncate(base.len().checked_sub(ups)?);
                &words[ups..]
            }
            child => {
                base.push(child.to_owned());
                if !self.known.contains(&base) {
                    return None;
                }
                &words[1..]
            }
        };
        base.extend_from_slice(rest);
        Some(base)
    }

    fn use_tree(&mut self, before: &mut Vec<String>, tree: &syn::UseTree, reexport: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(before, &path.tree, reexport);
                before.pop();
            }
            syn::UseTree::Name(name) => {
                self.use_leaf(before, &name.ident, &name.ident, reexport);
            }
            syn::UseTree::Rename(name) => {
                self.use_leaf(before, &name.ident, &name.rename, reexport);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(before, tree, reexport);
                }
            }
            syn::UseTree::Glob(glob) => {
                if let Some(target) = self.absolute(before) {
                    if !reexport {
                        let line = glob.star_token.spans[0].start().line;
                        self.module.mentions.push((target.clone(), line));
                    }
                    self.module.globs.push(target);
                }
            }
        }
    }

    fn use_leaf(
        &mut self,
        before: &[String],
        name: &syn::Ident,
        alias: &syn::Ident,
        reexport: bool,
    ) {
        let mut words = before.to_vec();
        let mut short = alias.to_string();
        if name == "self" {
            if alias == name {
                short = words.last().cloned().unwrap_or_default();
            }
        } else {
            words.push(name.to_string());
        }
        let Some(target) = self.absolute(&words) else {
            return;
        };
        if !reexport {
            let line = name.span().start().line;
            self.module.mentions.push((target.clone(), line));
        }
        if self.scope.len() == self.file_depth {
            self.module
                .aliases
                .insert(short, Alias { target, reexport });
        }
    }
}

impl<'ast> Visit<'ast> for Reading<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_cfg_test(attributes(item)) || is_test_function(attributes(item)) {
            return;
        }
        if self.scope.len() == self.file_depth
            && let Some(name) = name_of(item)
        {
            self.module.items.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.scope.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.scope.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let reexport = !matches!(item.vis, syn::Visibility::Inherited);
        self.use_tree(&mut Vec::new(), &item.tree, reexport);
    }

    /// `pub(in crate::a)` names a module without importing from it.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        let line = path
            .segments
            .first()
            .map_or(1, |s| s.ident.span().start().line);
        if path.leading_colon.is_none() {
            match self.absolute(&words) {
                Some(target) if words.len() > 1 => self.module.mentions.push((target, line)),
                _ => self.short_names.push((words, line)),
            }
        }
        visit::visit_path(self, path);
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn::Item is non-exhaustive and only these kinds matter here"
)]
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines; `mod child;` defines none here, since it is a node of its own.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn::Item is non-exhaustive and only these kinds matter here"
)]
fn name_of(item: &syn::Item) -> Option<String> {
    let ident = match item {
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Mod(item) if item.content.is_some() => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Const(item) => &item.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}
