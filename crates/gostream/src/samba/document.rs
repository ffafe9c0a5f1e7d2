//! An smb.conf with what it includes: which setting is in effect for which
//! share, and where it was made.
//!
//! Called by `check`. The rules are Samba's: a section that comes twice is
//! one, the last setting wins, what `[global]` says of shares holds for those
//! that begin after it, and an included file goes on in the section that it
//! was included from. At most [`MAX_FILES`] files of [`MAX_BYTES`] are read.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::doctor::Finding;

use super::syntax::{Entry, Says, boolean, canonical, parse};

const MAX_FILES: usize = 64;
const MAX_BYTES: u64 = 1 << 20;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    file: Rc<PathBuf>,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A setting as it was written.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// As in the file.
    pub(super) name: String,
    /// Turned round when the name is the opposite of the canonical one.
    pub(super) value: String,
    pub(super) place: Place,
}

/// By canonical name.
type Settings = BTreeMap<String, Given>;

/// One share.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    /// Where it begins.
    pub(super) place: Place,
    own: Settings,
    defaults: Settings,
}

impl Section {
    /// What is in effect, unless it is Samba's own default.
    pub(super) fn get(&self, name: &str) -> Option<&Given> {
        self.own.get(name).or_else(|| self.defaults.get(name))
    }

    /// What stands in the section itself.
    pub(super) fn own(&self, name: &str) -> Option<&Given> {
        self.own.get(name)
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) global: Settings,
    pub(super) shares: Vec<Section>,
    /// Every setting, in the order in which they stand.
    pub(super) all: Vec<Given>,
    /// What Samba stumbles over, and what could not be looked at.
    pub(super) findings: Vec<Finding>,
    /// Where a setting goes: a share by its index, or `[global]`.
    current: Option<usize>,
    files: usize,
}

impl Document {
    /// Reads `path` and what it includes.
    ///
    /// # Errors
    /// When `path` itself cannot be read. What it includes may be missing.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut document = Self::default();
        document.include(path)?;
        Ok(document)
    }

    fn include(&mut self, path: &Path) -> io::Result<()> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} files")));
        }
        let mut bytes = Vec::new();
        let read = File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
        if read as u64 > MAX_BYTES {
            return Err(io::Error::other("the file is larger than 1 MiB"));
        }
        let file = Rc::new(path.to_owned());
        for Entry { line, says } in parse(&String::from_utf8_lossy(&bytes)) {
            let file = Rc::clone(&file);
            self.take(Place { file, line }, says);
        }
        Ok(())
    }

    fn take(&mut self, place: Place, says: Says) {
        match says {
            Says::Section(name) => self.enter(name, place),
            Says::Parameter { name, value } => self.set(name, value, place),
            Says::Nothing => self.findings.push(Finding::warning(
                place.to_string(),
                "is no setting: Samba passes over it in silence",
                "write it as name = value, or begin the line with #",
            )),
            Says::Broken(what) => self.findings.push(Finding::error(
                place.to_string(),
                format!("{what}: Samba stops here and loads no share at all"),
                "mend or delete the line",
            )),
        }
    }

    fn enter(&mut self, name: String, place: Place) {
        if ["global", "globals"].contains(&&*name.to_lowercase()) {
            self.current = None;
            return;
        }
        self.current = self.find(&name);
        if self.current.is_none() {
            self.current = Some(self.shares.len());
            self.shares.push(Section {
                name,
                place,
                own: Settings::new(),
                defaults: self.global.clone(),
            });
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        let name = name.to_lowercase();
        self.shares
            .iter()
            .position(|share| share.name.to_lowercase() == name)
    }

    fn set(&mut self, name: String, value: String, place: Place) {
        let (key, is_opposite) = canonical(&name);
        let value = match boolean(&value) {
            Some(yes) if is_opposite => if yes { "no" } else { "yes" }.to_owned(),
            Some(_) | None => value,
        };
        match &*key {
            "include" => return self.follow(&value, &place),
            "copy" => self.copy(&value),
            _ => {}
        }
        let given = Given { name, value, place };
        self.all.push(given.clone());
        let settings = match self.current {
            Some(index) => &mut self.shares[index].own,
            None => &mut self.global,
        };
        settings.insert(key, given);
    }

    /// What the share itself says stays.
    fn copy(&mut self, name: &str) {
        let (Some(from), Some(to)) = (self.find(name), self.current) else {
            return;
        };
        let copied = self.shares[from].own.clone();
        let own = &mut self.shares[to].own;
        for (key, given) in copied {
            own.entry(key).or_insert(given);
        }
    }

    fn follow(&mut self, value: &str, place: &Place) {
        let unseen = |why: String| {
            let seen = format!("what {value} says is not looked at: {why}");
            Finding::ok(place.to_string(), seen)
        };
        if value.contains('%') || value == "registry" {
            let why = "it depends on the client or on the registry".to_owned();
            self.findings.push(unseen(why));
        } else if let Err(error) = self.include(Path::new(value)) {
            self.findings.push(unseen(error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs;

    use super::*;

    fn read(text: &str) -> Document {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("smb.conf");
        fs::write(&path, text).unwrap();
        Document::read(&path).unwrap()
    }

    fn value<'a>(document: &'a Document, share: usize, name: &str) -> Option<&'a str> {
        let given = document.shares[share].get(name)?;
        Some(&given.value)
    }

    #[test]
    fn global_settings_hold_for_the_shares_that_begin_after_them() {
        let text = "oplocks = no\n[a]\n[global]\noplocks = yes\n[b]\n[A]\nwritable = yes\n";
        let document = read(text);
        assert_eq!(document.shares.len(), 2);
        assert_eq!(value(&document, 0, "oplocks"), Some("no"));
        assert_eq!(value(&document, 1, "oplocks"), Some("yes"));
        assert_eq!(value(&document, 0, "readonly"), Some("no"));
        assert!(document.shares[0].own("oplocks").is_none());
    }

    #[test]
    fn a_copy_takes_what_the_share_does_not_say_itself() {
        let document = read("[a]\npath=/a\noplocks=no\n[b]\npath=/b\ncopy = A\n");
        assert_eq!(value(&document, 1, "path"), Some("/b"));
        assert_eq!(value(&document, 1, "oplocks"), Some("no"));
    }

    #[test]
    fn an_included_file_goes_on_in_the_section_and_may_open_another() {
        let directory = tempfile::tempdir().unwrap();
        let more = directory.path().join("more.conf");
        fs::write(&more, "oplocks = no\n[b]\n").unwrap();
        let all = directory.path().join("smb.conf");
        let text = format!("[a]\ninclude = {}\npath = /b\n", more.display());
        fs::write(&all, text).unwrap();
        let document = Document::read(&all).unwrap();
        assert_eq!(value(&document, 0, "oplocks"), Some("no"));
        assert_eq!(value(&document, 1, "path"), Some("/b"));
        let place = &document.shares[1].place;
        assert_eq!(place.to_string(), format!("{}:2", more.display()));
    }

    #[test]
    fn a_file_that_includes_itself_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("smb.conf");
        fs::write(&path, format!("include = {}\n", path.display())).unwrap();
        let document = Document::read(&path).unwrap();
        assert_eq!(document.findings.len(), 1, "{:?}", document.findings);
        let missing = Document::read(&directory.path().join("none"));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
