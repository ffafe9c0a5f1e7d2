//! demo
use crate::cli::{Context, Failure};
pub(crate) fn run(_c: Context) -> Result<(), Failure> {
    Err(Failure::Failed("x".to_owned()))
}
