//! One mount for one test: a directory, a source, a mount that is taken off whatever happens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gostream_fs::{
    Activity, Backing, FilmState, FsConfig, FsMetrics, InspectReply, LibraryEditor,
    LibraryInspector, Mounted, Node, Tree, TreeEntry, mount,
};
use gostream_library::Film;
use tempfile::TempDir;

use crate::editor::NotedEditor;
use crate::source::{Answers, PatternSource, stub};

/// Fields are dropped in this order: the mount first, its directory last.
pub(crate) struct Rig {
    pub(crate) mounted: Option<Mounted>,
    pub(crate) source: Arc<PatternSource>,
    pub(crate) metrics: Arc<FsMetrics>,
    pub(crate) dir: TempDir,
}

pub(crate) fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) fn dir(path: &str, ino: u64) -> TreeEntry {
    TreeEntry {
        path: path.to_owned(),
        ino,
        mtime: time(1_600_000_000 + ino % 100),
        stamp: gostream_library::Stamp::default(),
        node: Node::Dir,
    }
}

/// Film number `ino`.
pub(crate) fn film(path: &str, ino: u8, size: u64, answers: Answers) -> TreeEntry {
    TreeEntry {
        path: path.to_owned(),
        ino: u64::from(ino),
        mtime: time(1_700_000_000 + u64::from(ino)),
        stamp: gostream_library::Stamp::default(),
        node: Node::Media(stub(ino, size, answers)),
    }
}

pub(crate) fn side_car(path: &str, ino: u64, source: &Path) -> TreeEntry {
    TreeEntry {
        path: path.to_owned(),
        ino,
        mtime: time(1_500_000_000),
        stamp: gostream_library::Stamp::default(),
        node: Node::SideCar {
            len: source.metadata().unwrap().len(),
            source: source.to_owned(),
        },
    }
}

/// Every film is awake, has as many peers as its number says, and its first KiB.
struct Looks;

impl LibraryInspector for Looks {
    fn inspect(&self, ino: u64, _film: &Arc<Film>, reply: InspectReply) {
        let state = FilmState {
            activity: Activity::Awake,
            peers: usize::try_from(ino).unwrap(),
            buffered: std::iter::once(0..1024).collect(),
            warm: if reply.is_about_warm() {
                vec![0..10, 20..30]
            } else {
                Vec::new()
            },
        };
        // From another thread, as an engine does.
        std::thread::spawn(move || reply.tell(&state));
    }
}

impl Rig {
    pub(crate) fn new(entries: Vec<TreeEntry>) -> Self {
        Self::with(entries, |_| {})
    }

    pub(crate) fn with(entries: Vec<TreeEntry>, adjust: impl FnOnce(&mut FsConfig)) -> Self {
        Self::edited(entries, None, adjust)
    }

    /// A mount that can be changed, if there is an editor.
    pub(crate) fn edited(
        entries: Vec<TreeEntry>,
        editor: Option<Arc<NotedEditor>>,
        adjust: impl FnOnce(&mut FsConfig),
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let mut config = FsConfig::new(dir.path().join("mount"));
        adjust(&mut config);
        let source = PatternSource::new();
        let metrics = Arc::new(FsMetrics::default());
        let tree = Tree::build(entries).unwrap();
        let backing = Backing {
            source: source.clone(),
            editor: editor.map(|editor| -> Arc<dyn LibraryEditor> { editor }),
            inspector: Some(Arc::new(Looks)),
        };
        let mounted = mount(config, tree, backing, Arc::clone(&metrics)).unwrap();
        Self {
            mounted: Some(mounted),
            source,
            metrics,
            dir,
        }
    }

    pub(crate) fn mounted(&self) -> &Mounted {
        self.mounted.as_ref().unwrap()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.mounted().point().join(path)
    }

    pub(crate) fn publish(&self, entries: Vec<TreeEntry>) {
        let tree = Tree::build(entries).unwrap();
        self.mounted().publish(tree).wait();
    }
}

/// Names in a directory, sorted.
pub(crate) fn list(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

pub(crate) fn is_mounted(point: &Path) -> bool {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    table
        .lines()
        .any(|line| line.split(' ').nth(4) == Some(point.to_str().unwrap()))
}
