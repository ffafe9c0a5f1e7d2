//! `gostream samba-config`: prints a share, or checks an smb.conf.

use super::{Context, Failure, args::SambaArgs, output};
use crate::{
    doctor::Level,
    samba::{Share, check},
};

/// Does what was asked; fails when something is wrong with what was checked.
pub(super) fn run(context: &Context, asked: SambaArgs) -> Result<(), Failure> {
    let Some(path) = asked.check else {
        let mount = &context.directories.mount;
        let share = Share::new(&asked.share, mount, asked.allow_delete)
            .map_err(|error| Failure::BadInput(error.to_string()))?;
        return output::raw(share.to_string().as_bytes());
    };
    let findings = check(&path, &context.directories)
        .map_err(|error| Failure::BadInput(format!("{}: {error}", path.display())))?;
    output::lines(&findings)?;
    if findings.iter().any(|finding| finding.level != Level::Ok) {
        return Err(Failure::Reported);
    }
    Ok(())
}
