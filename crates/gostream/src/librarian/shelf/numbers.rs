//! The inode number of each thing that was found: the one that it had, wherever it was.
//!
//! Asked for what a scan found otherwise than before. What is where it was keeps its number without a question. Of
//! the rest, what vanished elsewhere in the same look was moved: a film is known by torrent and file, a folder by its
//! place on the disk and the time when it was made, another file by its place, size and time. A film that the database knows from a path where it
//! is not any more takes its number along, too: it was moved while no server ran, or removed and added again.

use std::collections::{HashMap, HashSet};

use gostream_fs::{NodeKind, NodeRef, Tree};
use gostream_http::ControlError;
use gostream_library::{Stamp, TorrentHash, path as names};
use gostream_store::{Found, FoundKind, InodeKey, Moved, Store, StoreError, What};

use super::known::is_same_thing;

/// For more things than this the table is read once, instead of being asked for each.
const MANY: usize = 500;

/// The numbers of `things`, which are sorted by path, in their order. `tree` is what was shown before, of which
/// `vanished` is not where it was; the rest is.
pub(super) fn give(
    store: &Store,
    tree: &Tree,
    vanished: &[NodeRef<'_>],
    things: &[Found],
) -> Result<Vec<u64>, ControlError> {
    let shelf = Before {
        tree,
        vanished: vanished.iter().map(|node| node.ino()).collect(),
    };
    give_or(store, &shelf, vanished, things)
        .map_err(|error| ControlError::failed(error.to_string()))
}

/// What was shown.
struct Before<'a> {
    tree: &'a Tree,
    vanished: HashSet<u64>,
}

impl<'a> Before<'a> {
    /// What is still at this path.
    fn still(&self, path: &str) -> Option<NodeRef<'a>> {
        let node = self.tree.find(path)?;
        (!self.vanished.contains(&node.ino())).then_some(node)
    }

    /// Whether something that is still there has this number.
    fn uses(&self, number: u64) -> bool {
        self.tree.get(number).is_some() && !self.vanished.contains(&number)
    }
}

fn give_or(
    store: &Store,
    before: &Before<'_>,
    vanished: &[NodeRef<'_>],
    things: &[Found],
) -> Result<Vec<u64>, StoreError> {
    let still = |thing: &Found| before.still(&thing.path).map(NodeRef::ino);
    let mut numbers: Vec<Option<u64>> = things.iter().map(still).collect();
    let mut moved = found_elsewhere(before.tree, vanished, things, &mut numbers);
    find(store, things, &mut numbers)?;
    moved.extend(known_elsewhere(store, before, things, &mut numbers)?);
    let unknown: Vec<usize> = (0..things.len())
        .filter(|at| numbers[*at].is_none())
        .collect();
    let keys = unknown.iter().map(|at| key(&things[*at])).collect();
    let given = store.inodes().settle(moved, keys)?;
    for (at, number) in unknown.into_iter().zip(given) {
        numbers[at] = Some(number);
    }
    Ok(numbers.into_iter().flatten().collect())
}

/// Looks up what the database has for the things that have no number yet.
fn find(store: &Store, things: &[Found], numbers: &mut [Option<u64>]) -> Result<(), StoreError> {
    let unknown: Vec<usize> = (0..things.len())
        .filter(|at| numbers[*at].is_none())
        .collect();
    if unknown.len() > MANY {
        return store.inodes().walk(|path, what, number| {
            let at = things.binary_search_by(|thing| thing.path.as_str().cmp(path));
            if let Ok(at) = at
                && kind(&things[at]) == what
            {
                numbers[at].get_or_insert(number);
            }
        });
    }
    let keys: Vec<InodeKey> = unknown.iter().map(|at| key(&things[*at])).collect();
    for (at, number) in unknown.into_iter().zip(store.inodes().find(&keys)?) {
        numbers[at] = number;
    }
    Ok(())
}

fn key(thing: &Found) -> InodeKey {
    InodeKey::new(&thing.path, kind(thing))
}

fn kind(thing: &Found) -> What {
    match &thing.kind {
        FoundKind::Dir => What::Dir,
        FoundKind::Film(film) => What::Film(film.hash, film.index),
        FoundKind::SideCar { .. } | FoundKind::Broken(_) => What::File,
    }
}

/// What tells a thing when its path is another.
#[derive(PartialEq, Eq, Hash)]
enum Mark {
    Film(TorrentHash, u32),
    Dir(Stamp),
    File { device: u64, inode: u64, len: u64 },
}

fn mark_of_node(node: NodeRef<'_>) -> Option<Mark> {
    match node.kind() {
        NodeKind::Media(stub) => Some(Mark::Film(stub.hash, stub.index)),
        NodeKind::Dir { .. } => mark_of_folder(node.stamp()),
        NodeKind::SideCar { len, .. } => Some(mark_of_file(node.stamp(), len)),
    }
}

fn mark_of_thing(thing: &Found) -> Option<Mark> {
    match &thing.kind {
        FoundKind::Film(stub) => Some(Mark::Film(stub.hash, stub.index)),
        FoundKind::Dir => mark_of_folder(thing.stamp),
        FoundKind::SideCar { len } => Some(mark_of_file(thing.stamp, *len)),
        FoundKind::Broken(_) => None,
    }
}

/// A disk that does not keep when a folder was made may have given its place to another folder.
fn mark_of_folder(stamp: Stamp) -> Option<Mark> {
    (stamp.version != 0).then_some(Mark::Dir(stamp))
}

fn mark_of_file(stamp: Stamp, len: u64) -> Mark {
    Mark::File {
        device: stamp.device,
        inode: stamp.inode,
        len,
    }
}

/// Gives numbers to what was shown at another path where it is no longer; returns what the database must learn.
fn found_elsewhere(
    tree: &Tree,
    vanished: &[NodeRef<'_>],
    things: &[Found],
    numbers: &mut [Option<u64>],
) -> Vec<Moved> {
    if vanished.is_empty() {
        return Vec::new();
    }
    let mut left: HashMap<u64, NodeRef<'_>> = HashMap::new();
    let mut by_mark: HashMap<Mark, Vec<NodeRef<'_>>> = HashMap::new();
    for node in vanished {
        left.insert(node.ino(), *node);
        if let Some(mark) = mark_of_node(*node) {
            by_mark.entry(mark).or_default().push(*node);
        }
    }
    let mut folders: HashMap<&str, String> = HashMap::new();
    let mut moved = Vec::new();
    for (thing, number) in things.iter().zip(numbers) {
        if number.is_some() {
            continue;
        }
        // In a folder that was moved: what lay in it under the same name, before any other.
        let (folder, name) = names::split(&thing.path);
        let along = folders
            .get(folder)
            .and_then(|old| tree.find(&names::join(old, name)))
            .filter(|node| {
                is_same_thing(&thing.kind, node.kind()) && left.contains_key(&node.ino())
            });
        let elsewhere = || {
            let nodes = by_mark.get(&mark_of_thing(thing)?)?;
            let is_right = |node: &&NodeRef<'_>| {
                let is_file = matches!(thing.kind, FoundKind::SideCar { .. });
                left.contains_key(&node.ino()) && (!is_file || node.mtime() == thing.mtime)
            };
            nodes.iter().find(is_right).copied()
        };
        let Some(node) = along.or_else(elsewhere) else {
            continue;
        };
        left.remove(&node.ino());
        *number = Some(node.ino());
        if matches!(thing.kind, FoundKind::Dir) {
            folders.insert(&thing.path, node.path());
        }
        moved.push(Moved {
            number: node.ino(),
            to: thing.path.clone(),
        });
    }
    moved
}

/// Gives numbers to films that the database knows from a path where they are not.
fn known_elsewhere(
    store: &Store,
    before: &Before<'_>,
    things: &[Found],
    numbers: &mut [Option<u64>],
) -> Result<Vec<Moved>, StoreError> {
    let is_film = |at: &usize| matches!(things[*at].kind, FoundKind::Film(_));
    let films: Vec<usize> = (0..things.len())
        .filter(|at| numbers[*at].is_none())
        .filter(is_film)
        .collect();
    let keys: Vec<InodeKey> = films.iter().map(|at| key(&things[*at])).collect();
    let mut taken: HashSet<u64> = numbers.iter().flatten().copied().collect();
    let mut moved = Vec::new();
    for (at, holder) in films.into_iter().zip(store.inodes().holders(&keys)?) {
        let Some(holder) = holder else { continue };
        let there = things.binary_search_by(|thing| thing.path.as_str().cmp(&holder.path));
        let is_there = there.is_ok_and(|there| is_same_film(&things[there], &things[at]));
        if !is_there && !before.uses(holder.number) && taken.insert(holder.number) {
            numbers[at] = Some(holder.number);
            moved.push(Moved {
                number: holder.number,
                to: things[at].path.clone(),
            });
        }
    }
    Ok(moved)
}

fn is_same_film(a: &Found, b: &Found) -> bool {
    match (&a.kind, &b.kind) {
        (FoundKind::Film(a), FoundKind::Film(b)) => a.hash == b.hash && a.index == b.index,
        _ => false,
    }
}
