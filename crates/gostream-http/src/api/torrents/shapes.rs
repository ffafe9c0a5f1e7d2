//! Torrents as the versioned API writes them, and what it reads of them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::request::{Checked, Page},
    control::TORRENT_LEN_MAX,
    error::RequestError,
    torrents::{
        Activity, DATA_LEN_MAX, FileView, LABEL_LEN_MAX, Labels, NewTorrent, Phase, TorrentSource,
        TorrentView,
    },
};

/// Which torrents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// At most so many; 100 if it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Leaves out so many at the beginning.
    #[param(minimum = 0)]
    offset: Option<usize>,
    /// Only those that are awake.
    awake: Option<bool>,
}

impl Wanted {
    pub(super) fn page(&self) -> Result<Checked, RequestError> {
        let page = Page {
            limit: self.limit,
            offset: self.offset,
        };
        Ok(page.short()?)
    }

    pub(super) fn awake_only(&self) -> bool {
        self.awake == Some(true)
    }
}

/// A page of torrents.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TorrentPage {
    /// Torrents in all.
    pub(super) total: usize,
    /// Those of the page.
    pub(super) torrents: Vec<Torrent>,
}

/// A torrent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Torrent {
    /// Its info-hash, 40 lower-case hex digits.
    hash: String,
    /// Shown to the user.
    title: String,
    /// URL of a picture, or nothing.
    poster: String,
    /// `movie`, `tv`, `music`, `other`, or what a program likes.
    category: String,
    /// What a program keeps with it. A list leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// What it calls itself, once that is known.
    name: Option<String>,
    /// When it was added.
    added_unix: i64,
    /// What it does.
    state: TorrentState,
    /// Its length, once that is known.
    size_bytes: Option<u64>,
    /// Its files, once they are known. A list leaves them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<TorrentFile>>,
    /// What went on since it woke; none while it sleeps.
    activity: Option<TorrentActivity>,
}

/// What a torrent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TorrentState {
    /// Its metadata is looked for.
    Resolving,
    /// What a player will ask for first is fetched.
    Preloading,
    /// It is awake.
    Awake,
    /// It is known and has no task and no socket.
    Asleep,
}

/// A file of a torrent.
#[derive(Debug, Serialize, ToSchema)]
struct TorrentFile {
    /// Its id.
    id: u32,
    /// Its path in the torrent.
    path: String,
    /// Its length.
    size_bytes: u64,
}

/// Counters of an awake torrent.
#[derive(Debug, Serialize, ToSchema)]
struct TorrentActivity {
    /// In memory.
    held_bytes: u64,
    /// What comes in.
    download_bytes_per_second: u64,
    /// What goes out.
    upload_bytes_per_second: u64,
    /// Received.
    downloaded_bytes: u64,
    /// Of them, those that were of no use.
    wasted_bytes: u64,
    /// Sent.
    uploaded_bytes: u64,
    /// Addresses known.
    peers_known: usize,
    /// Dials under way.
    peers_dialling: usize,
    /// Connected.
    peers: usize,
    /// Of them, those that have everything.
    seeds: usize,
    /// Pieces that passed their hash.
    pieces_good: u64,
    /// Pieces that failed it.
    pieces_bad: u64,
    /// Somebody plays it.
    plays: bool,
}

impl Torrent {
    /// One of many.
    pub(super) fn in_list(view: &TorrentView) -> Self {
        Self {
            data: None,
            files: None,
            ..Self::alone(view)
        }
    }

    /// With its files.
    pub(super) fn alone(view: &TorrentView) -> Self {
        let files = view.files.as_deref();
        Self {
            hash: view.id.to_string(),
            title: view.labels.title.clone(),
            poster: view.labels.poster.clone(),
            category: view.labels.category.clone(),
            data: Some(view.labels.data.clone()),
            name: view.name.clone(),
            added_unix: view.added_unix,
            state: view.phase.into(),
            size_bytes: view.len,
            files: files.map(|files| files.iter().map(TorrentFile::from).collect()),
            activity: (view.phase != Phase::Asleep).then(|| (&view.activity).into()),
        }
    }
}

impl From<Phase> for TorrentState {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Resolving => Self::Resolving,
            Phase::Preloading => Self::Preloading,
            Phase::Working => Self::Awake,
            Phase::Asleep => Self::Asleep,
        }
    }
}

impl From<&FileView> for TorrentFile {
    fn from(file: &FileView) -> Self {
        Self {
            id: file.id,
            path: file.path.clone(),
            size_bytes: file.len,
        }
    }
}

impl From<&Activity> for TorrentActivity {
    fn from(activity: &Activity) -> Self {
        Self {
            held_bytes: activity.held,
            download_bytes_per_second: whole(activity.download_rate),
            upload_bytes_per_second: whole(activity.upload_rate),
            downloaded_bytes: activity.downloaded,
            wasted_bytes: activity.wasted,
            uploaded_bytes: activity.uploaded,
            peers_known: activity.peers_known,
            peers_dialling: activity.peers_dialling,
            peers: activity.peers,
            seeds: activity.seeds,
            pieces_good: activity.pieces_good,
            pieces_bad: activity.pieces_bad,
            plays: activity.plays,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative, and what is no number becomes 0"
)]
fn whole(rate: f64) -> u64 {
    rate as u64
}

/// A torrent that a program brings: by a link or by its file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTorrentRequest {
    /// A magnet, an info-hash, or the http(s) URL of a .torrent file.
    link: Option<String>,
    /// The bytes of a .torrent file.
    #[serde(default, rename = "torrent_base64", with = "crate::base64")]
    #[schema(value_type = Option<String>, content_encoding = "base64")]
    torrent: Option<Vec<u8>>,
    /// Shown to the user; else what it calls itself.
    #[serde(default)]
    #[schema(max_length = 4096)]
    title: String,
    /// URL of a picture.
    #[serde(default)]
    #[schema(max_length = 4096)]
    poster: String,
    /// `movie`, `tv`, `music`, `other`, or what the program likes.
    #[serde(default)]
    #[schema(max_length = 4096)]
    category: String,
    /// Kept with it for the program.
    #[serde(default)]
    data: String,
    /// Keep it over a restart.
    #[serde(default)]
    save: bool,
}

impl NewTorrentRequest {
    pub(super) fn checked(self) -> Result<NewTorrent, RequestError> {
        let source = match (self.link, self.torrent) {
            (Some(link), None) => TorrentSource::Link(link),
            (None, Some(torrent)) if torrent.len() <= TORRENT_LEN_MAX => {
                TorrentSource::File(torrent)
            }
            (None, Some(_)) => {
                let text = format!("torrent_base64: at most {TORRENT_LEN_MAX} bytes are read");
                return Err(RequestError::bad_input(text));
            }
            (None, None) | (Some(_), Some(_)) => {
                let text = "one of link and torrent_base64 must be given";
                return Err(RequestError::bad_input(text));
            }
        };
        let labels = Labels {
            title: self.title,
            poster: self.poster,
            category: self.category,
            data: self.data,
        };
        Ok(NewTorrent {
            source,
            labels: fitting(labels)?,
            save: self.save,
        })
    }
}

/// What a torrent is called from now on. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Relabelling {
    /// Shown to the user; empty for what it calls itself.
    #[schema(max_length = 4096)]
    title: Option<String>,
    /// URL of a picture.
    #[schema(max_length = 4096)]
    poster: Option<String>,
    /// `movie`, `tv`, `music`, `other`, or what the program likes.
    #[schema(max_length = 4096)]
    category: Option<String>,
    /// Kept with it for the program; empty changes nothing.
    data: Option<String>,
}

impl Relabelling {
    /// The labels that it makes of those that were.
    pub(super) fn over(self, labels: Labels) -> Result<Labels, RequestError> {
        fitting(Labels {
            title: self.title.unwrap_or(labels.title),
            poster: self.poster.unwrap_or(labels.poster),
            category: self.category.unwrap_or(labels.category),
            data: self.data.unwrap_or(labels.data),
        })
    }
}

fn fitting(labels: Labels) -> Result<Labels, RequestError> {
    if labels.fit() {
        return Ok(labels);
    }
    let text = format!(
        "title, poster and category may have {LABEL_LEN_MAX} bytes each, data {DATA_LEN_MAX}"
    );
    Err(RequestError::bad_input(text))
}
