//! [`AddEvent`] as one line of NDJSON: `{"progress":{..}}`, `{"added":[..]}`
//! or `{"problem":{..}}` with an RFC 9457 document.
//!
//! Written by the router, read by the CLI's client; both use these impls, so
//! that the two cannot drift apart.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::{
    control::{AddEvent, AddProgress, AddedFile},
    error::Problem,
};

/// A line.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = AddEvent)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// Still working.
    Progress(AddProgress),
    /// Done: the films that were made, by path.
    Added(Vec<AddedFile>),
    /// Given up; nothing was written.
    Problem(Problem),
}

impl Serialize for AddEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = match self {
            Self::Progress(progress) => Line::Progress(*progress),
            Self::Added(files) => Line::Added(files.clone()),
            Self::Failed(error) => Line::Problem(error.into()),
        };
        line.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AddEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Line::deserialize(deserializer)? {
            Line::Progress(progress) => Self::Progress(progress),
            Line::Added(files) => Self::Added(files),
            Line::Problem(problem) => Self::Failed(problem.into()),
        })
    }
}
