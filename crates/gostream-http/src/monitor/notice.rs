//! What a media server tells of a viewer, in the words of none of them.

/// What a viewer does, as a media server tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub event: Event,
    /// In which kind of library.
    pub section: Section,
    /// By what the viewer is known: a device, or a user with what he watches.
    pub viewer: String,
    /// The IMDb id, `tt` and digits; of an episode, not of its series.
    pub imdb: Option<String>,
    /// The file names of the film, without their folders: server and mount see different ones.
    pub files: Vec<String>,
    /// Its number in the library of a Plex server, which says more when it is asked; digits.
    pub plex_item: Option<String>,
    /// Title of the film or episode, in the language of the library.
    pub title: String,
    /// Title of the series, of an episode.
    pub series: String,
    /// Year.
    pub year: Option<u32>,
    /// Number of the season, of an episode.
    pub season: Option<u32>,
    /// Number within it.
    pub episode: Option<u32>,
}

/// What a viewer does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Event {
    /// Plays, goes on, or is still playing.
    #[default]
    Play,
    /// Stopped.
    Stop,
}

/// The kinds of library in which there are films.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Section {
    /// Films.
    #[default]
    Movie,
    /// Series.
    Show,
}

/// What the body of a webhook tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Notice(Box<Notice>),
    /// Something that has nothing to do with films that are open.
    Other,
    /// Nothing that we know the shape of.
    NoEvent,
}
