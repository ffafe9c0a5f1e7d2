//! What a check found.

use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// GoStream works, but not as well as it could.
    Warning,
    /// GoStream does not work.
    Error,
}

/// One result of a check. Prints as one line, and a second one with the
/// remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at.
    pub about: String,
    /// What was seen.
    pub seen: String,
    /// How to mend it; none when nothing is wrong.
    pub remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub(crate) fn ok(about: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            about: about.into(),
            seen: seen.into(),
            remedy: None,
        }
    }

    /// It could be better.
    pub(crate) fn warning(
        about: impl Into<String>,
        seen: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Warning,
            about: about.into(),
            seen: seen.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// It does not work.
    pub(crate) fn error(
        about: impl Into<String>,
        seen: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Error,
            ..Self::warning(about, seen, remedy)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Error => "error  ",
        };
        write!(f, "{level}  {}: {}", self.about, self.seen)?;
        if let Some(remedy) = &self.remedy {
            write!(f, "\n         mend: {remedy}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_stands_below_what_it_mends() {
        assert_eq!(
            Finding::ok("clock", "is right").to_string(),
            "ok       clock: is right"
        );
        assert_eq!(
            Finding::error("clock", "is wrong", "wind it").to_string(),
            "error    clock: is wrong\n         mend: wind it"
        );
    }
}
