//! Changes against a reference: a map of paths that does what POSIX says, in memory, without a kernel.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gostream_library::{Film, Stamp, Stub, TorrentHash, path as names};
use proptest::collection::vec;
use proptest::prelude::*;

use super::Editing;
use crate::config::FsConfig;
use crate::editor::{EditError, LibraryEditor, Made, Seen, WrittenSideCar};
use crate::events::{PageEvents, TreeEvents};
use crate::failure::OpenError;
use crate::metrics::FsMetrics;
use crate::shared::Shared;
use crate::source::{MediaFile, MediaSource};
use crate::tree::{Node, NodeKind, ROOT_INO, Tree, TreeEntry};

struct NoFilms;

impl MediaSource for NoFilms {
    fn open(&self, _film: &Arc<Film>, _ino: u64) -> Result<Box<dyn MediaFile>, OpenError> {
        Err(OpenError::NotFound)
    }
}

/// A disk that does everything.
struct WillingDisk(AtomicU64);

const SEEN: Seen = Seen {
    mtime: SystemTime::UNIX_EPOCH,
    stamp: Stamp {
        device: 0,
        inode: 0,
        version: 0,
    },
};

impl LibraryEditor for WillingDisk {
    fn may_unlink(&self, _path: &str) -> Result<(), EditError> {
        Ok(())
    }

    fn unlink_film(&self, _path: &str, _film: &Film, _tree: &Tree) -> Result<(), EditError> {
        Ok(())
    }

    fn write_side_car(&self, path: &str, _bytes: &[u8]) -> Result<WrittenSideCar, EditError> {
        Ok(WrittenSideCar {
            made: self.make_directory(path)?,
            source: format!("/library/{path}").into(),
        })
    }

    fn room(&self) -> u64 {
        u64::MAX
    }

    fn unlink_side_car(&self, _path: &str) -> Result<(), EditError> {
        Ok(())
    }

    fn rename(&self, _from: &str, _to: &str) -> Result<(), EditError> {
        Ok(())
    }

    fn make_directory(&self, _path: &str) -> Result<Made, EditError> {
        let ino = self.0.fetch_add(1, SeqCst);
        Ok(Made { ino, seen: SEEN })
    }

    fn remove_directory(&self, _path: &str) -> Result<(), EditError> {
        Ok(())
    }

    fn seen(&self, _path: &str) -> Option<Seen> {
        Some(SEEN)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dir,
    Film,
    /// A side-car; a real film if its name says so.
    Other,
}

/// Paths and what is there: kind and inode number.
#[derive(Clone, Debug, Default)]
struct Model(BTreeMap<String, (Kind, u64)>);

impl Model {
    fn children(&self, folder: &str) -> Vec<(&str, u64)> {
        let here = self
            .0
            .iter()
            .filter(|(path, _)| names::split(path).0 == folder);
        let mut children: Vec<_> = here
            .map(|(path, (_, ino))| (names::split(path).1, *ino))
            .collect();
        children.sort_unstable();
        children
    }

    fn get(&self, path: &str) -> Result<(Kind, u64), EditError> {
        self.0.get(path).copied().ok_or(EditError::NotFound)
    }

    fn unlink(&mut self, path: &str) -> Result<(), EditError> {
        match self.get(path)?.0 {
            Kind::Dir => return Err(EditError::IsDirectory),
            Kind::Other if path.ends_with(".mkv") => return Err(EditError::NotPermitted),
            Kind::Other => return Err(EditError::ReadOnly),
            Kind::Film => {}
        }
        self.0.remove(path);
        Ok(())
    }

    fn mkdir(&mut self, path: &str, ino: u64) -> Result<(), EditError> {
        if self.0.contains_key(path) {
            return Err(EditError::Exists);
        }
        self.0.insert(path.to_owned(), (Kind::Dir, ino));
        Ok(())
    }

    fn rmdir(&mut self, path: &str) -> Result<(), EditError> {
        if self.get(path)?.0 != Kind::Dir {
            return Err(EditError::NotDirectory);
        }
        if !self.children(path).is_empty() {
            return Err(EditError::NotEmpty);
        }
        self.0.remove(path);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str, replace: bool) -> Result<(), EditError> {
        let (kind, _) = self.get(from)?;
        let there = self.0.get(to).map(|(kind, _)| *kind);
        if there.is_some() && !replace {
            return Err(EditError::Exists);
        }
        if from == to {
            return Ok(());
        }
        if kind != Kind::Dir && from.ends_with(".mkv") != to.ends_with(".mkv") {
            return Err(EditError::NotPermitted);
        }
        if to.starts_with(&format!("{from}/")) {
            return Err(EditError::Invalid);
        }
        match (kind, there) {
            (_, None) => {}
            (Kind::Dir, Some(Kind::Dir)) if self.children(to).is_empty() => {}
            (Kind::Dir, Some(Kind::Dir)) => return Err(EditError::NotEmpty),
            (Kind::Dir, Some(_)) => return Err(EditError::NotDirectory),
            (_, Some(Kind::Dir)) => return Err(EditError::IsDirectory),
            (_, Some(_)) if to.ends_with(".mkv") => return Err(EditError::Exists),
            (_, Some(_)) => return Err(EditError::ReadOnly),
        }
        self.0.remove(to);
        let inside = format!("{from}/");
        let moving = self
            .0
            .extract_if(.., |path, _| path == from || path.starts_with(&inside));
        let moving: Vec<_> = moving.collect();
        for (path, what) in moving {
            self.0.insert(format!("{to}{}", &path[from.len()..]), what);
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Op {
    Unlink(String),
    Mkdir(String),
    Rmdir(String),
    Rename(String, String, bool),
}

fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c", "f.mkv", "g.mkv", "s.nfo", "t.nfo"]);
    vec(name, 1..4).prop_map(|names| names.join("/"))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => path().prop_map(Op::Unlink),
        3 => path().prop_map(Op::Mkdir),
        2 => path().prop_map(Op::Rmdir),
        5 => (path(), path(), any::<bool>()).prop_map(|(from, to, replace)| Op::Rename(from, to, replace)),
    ]
}

/// A library of those of `paths` that fit together: what ends in `.mkv` is a film, every fifth a real one.
fn library(paths: &[String]) -> Model {
    let mut model = Model::default();
    for (ino, path) in (10..).zip(paths) {
        let (folder, name) = names::split(path);
        let fits = folder.is_empty() || matches!(model.0.get(folder), Some((Kind::Dir, _)));
        let kind = match name {
            name if name.ends_with(".mkv") && ino % 5 > 0 => Kind::Film,
            name if name.contains('.') => Kind::Other,
            _ => Kind::Dir,
        };
        if fits && !model.0.contains_key(path) {
            model.0.insert(path.clone(), (kind, ino));
        }
    }
    model
}

fn tree_of(model: &Model) -> Tree {
    let entries = model.0.iter().map(|(path, (kind, ino))| TreeEntry {
        path: path.clone(),
        ino: *ino,
        mtime: UNIX_EPOCH + Duration::from_secs(*ino),
        stamp: Stamp::default(),
        node: match kind {
            Kind::Dir => Node::Dir,
            Kind::Film => {
                let hash = TorrentHash([1; 20]);
                Node::Media(Arc::new(Film::from(
                    &Stub::new("http://x", hash, 1, 100, None, None).unwrap(),
                )))
            }
            Kind::Other => Node::SideCar {
                len: 1,
                source: format!("/library/{path}").into(),
            },
        },
    });
    Tree::build(entries.collect()).unwrap()
}

fn editing(tree: Tree) -> (Editing, Arc<Shared>) {
    let metrics = Arc::new(FsMetrics::default());
    let shared = Arc::new(Shared::new(
        FsConfig::new("/x"),
        tree,
        Arc::new(NoFilms),
        metrics,
    ));
    let trees = Arc::new(TreeEvents::new(shared.tree.load_full()));
    let pages = Arc::new(PageEvents::default()).sender();
    let disk = Arc::new(WillingDisk(AtomicU64::new(1000)));
    (
        Editing::new(Arc::clone(&shared), trees, pages, disk),
        shared,
    )
}

/// Does `op` to both; `None` where the kernel would not even ask, since a directory on the way is none.
fn both(
    op: &Op,
    editing: &Editing,
    tree: &Tree,
    model: &mut Model,
) -> Option<[Result<(), EditError>; 2]> {
    let place = |path: &str| {
        let (folder, name) = names::split(path);
        let node = tree.find(folder).filter(|node| node.is_dir())?;
        Some((node.ino(), name.to_owned()))
    };
    let results = match op {
        Op::Unlink(path) => {
            let (parent, name) = place(path)?;
            [
                editing.unlink(parent, OsStr::new(&name)),
                model.unlink(path),
            ]
        }
        Op::Mkdir(path) => {
            let (parent, name) = place(path)?;
            let made = editing.make_directory(parent, OsStr::new(&name));
            let ino = *made.as_ref().unwrap_or(&0);
            [made.map(drop), model.mkdir(path, ino)]
        }
        Op::Rmdir(path) => {
            let (parent, name) = place(path)?;
            [
                editing.remove_directory(parent, OsStr::new(&name)),
                model.rmdir(path),
            ]
        }
        Op::Rename(from, to, replace) => {
            let ((parent, name), (new_parent, new_name)) = (place(from)?, place(to)?);
            let (from_place, to_place) = (
                (parent, OsStr::new(&name)),
                (new_parent, OsStr::new(&new_name)),
            );
            [
                editing.rename(from_place, to_place, *replace),
                model.rename(from, to, *replace),
            ]
        }
    };
    Some(results)
}

/// Asserts that lookup, getattr by number and readdir of `tree` say what the model says.
fn same(tree: &Tree, model: &Model) {
    assert_eq!(tree.len(), model.0.len() + 1);
    for (path, (kind, ino)) in &model.0 {
        let (folder, name) = names::split(path);
        let folder = tree.find(folder).unwrap();
        let node = tree.lookup(folder.ino(), name).unwrap();
        assert_eq!((node.ino(), node.path()), (*ino, path.clone()));
        assert_eq!(tree.get(*ino).unwrap().path(), *path);
        match (kind, node.kind()) {
            (Kind::Dir, NodeKind::Dir { .. }) | (Kind::Film, NodeKind::Media(_)) => {}
            (Kind::Other, NodeKind::SideCar { source, .. }) => {
                assert_eq!(source.to_str().unwrap(), format!("/library/{path}"));
            }
            (kind, found) => panic!("{path}: {kind:?} is {found:?}"),
        }
    }
    let folders = model.0.iter().filter(|(_, (kind, _))| *kind == Kind::Dir);
    let folders = folders.map(|(path, (_, ino))| (path.as_str(), *ino));
    for (folder, ino) in folders.chain([("", ROOT_INO)]) {
        let node = tree.get(ino).unwrap();
        let mut listed: Vec<_> = node
            .children_after(0)
            .map(|child| (child.name(), child.ino()))
            .collect();
        listed.sort_unstable();
        assert_eq!(listed, model.children(folder), "{folder:?}");
        let NodeKind::Dir { count, dirs } = node.kind() else {
            panic!("{folder:?} is no directory");
        };
        assert_eq!(count as usize, listed.len());
        let is_dir = |child: &crate::tree::NodeRef<'_>| child.is_dir();
        assert_eq!(dirs as usize, node.children_after(0).filter(is_dir).count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_change_does_what_the_reference_does(paths in vec(path(), 0..30), ops in vec(op(), 1..60)) {
        let mut model = library(&paths);
        let (editing, shared) = editing(tree_of(&model));
        same(&shared.tree.load(), &model);
        for op in &ops {
            let tree = shared.tree.load_full();
            if let Some([got, expected]) = both(op, &editing, &tree, &mut model) {
                prop_assert_eq!(got, expected, "{:?}", op);
            }
            same(&shared.tree.load(), &model);
        }
    }
}
