//! The doctor: looks at everything GoStream needs of a machine, and says how
//! to mend what is missing.
//!
//! Called by `gostream doctor`. Each check is a file: `look` gathers what the
//! system says and decides nothing, `judge` is a pure function from that to
//! findings. Nothing is changed, and nothing is waited for: a mount that
//! hangs is never touched.

mod binding;
mod clock;
mod disk;
mod finding;
mod forwarding;
mod fuse_conf;
mod fuse_device;
mod fusermount;
mod library;
mod limits;
mod memory;
mod mounts;
mod ports;
mod restore;
mod warm;
mod writable;

use gostream_http::Status;

use crate::{
    config::{Config, PortForwarding},
    paths::Directories,
};

pub use finding::{Finding, Level};

/// Makes all checks. `running` tells whether a server answers on the control
/// socket of these directories: what it holds is then no fault. `status` is
/// what it says of itself.
pub fn examine(
    config: &Config,
    directories: &Directories,
    running: bool,
    status: Option<&Status>,
) -> Vec<Finding> {
    let is_root = rustix::process::geteuid().is_root();
    let mut findings = vec![
        fuse_device::judge(&fuse_device::look()),
        fusermount::judge(fusermount::look().as_deref(), is_root),
        fuse_conf::judge(&fuse_conf::look(), is_root),
        mounts::judge(&mounts::look(&directories.mount), running),
    ];
    findings.push(binding::judge(
        config.engine.bind.as_ref(),
        &binding::look(),
    ));
    findings.extend(ports::judge(&ports::look(config), running));
    let is_off = config.forwarding.by == PortForwarding::Off;
    findings.push(forwarding::judge(status, is_off));
    findings.push(limits::judge(limits::look(), &config.engine));
    findings.push(memory::judge(
        &memory::look(),
        config.engine.read_ahead_budget,
    ));
    findings.push(clock::judge(&clock::look(&directories.state)));
    findings.extend(
        [
            ("state", &directories.state),
            ("library", &directories.library),
        ]
        .map(|(what, path)| writable::judge(what, &writable::look(path))),
    );
    findings.push(restore::judge(&restore::look(&directories.state)));
    findings.push(library::judge(status));
    findings.push(disk::judge(&disk::look(&directories.state)));
    let folder = directories.warm();
    findings.push(warm::judge(&folder, &warm::look(&folder), config.warm));
    findings
}
