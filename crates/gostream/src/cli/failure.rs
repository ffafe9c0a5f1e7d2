//! How a command fails: what the user reads, and the exit code.
//!
//! Made from the typed errors of the parts; the only place that knows exit
//! codes.

use std::{io::Write as _, process::ExitCode};

use gostream_http::{ControlError, SocketError};

use crate::{config::ConfigError, paths::PathError};

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// What was given cannot be used: exit code 2.
    #[error("{0}")]
    BadInput(String),
    /// It went wrong: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// It went wrong, and the user has read why: exit code 1.
    #[error("failed")]
    Reported,
}

impl Failure {
    /// The process's exit code.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::BadInput(_) => ExitCode::from(2),
            Self::Failed(_) | Self::Reported => ExitCode::from(1),
        }
    }

    /// Tells the user, on the standard error.
    pub fn report(&self) {
        match self {
            Self::BadInput(_) | Self::Failed(_) => {
                // If even that is closed, the exit code still tells.
                let _ = writeln!(std::io::stderr().lock(), "gostream: {self}");
            }
            Self::Reported => {}
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::BadInput(error.to_string())
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        Self::BadInput(error.to_string())
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::BadInput { detail } | ControlError::NotFound { detail } => {
                Self::BadInput(detail)
            }
            ControlError::Conflict { detail }
            | ControlError::TimedOut { detail }
            | ControlError::Failed { detail } => Self::Failed(detail),
        }
    }
}

impl From<SocketError> for Failure {
    fn from(error: SocketError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        // `{:#}`: with its causes, in one line.
        Self::Failed(format!("{error:#}"))
    }
}
