//! The kernel's read-ahead of the mount. Called once after mounting.
//!
//! FUSE is offered 128 KiB and cannot ask for more; only the backing device's own setting, which root may
//! write, raises it. 1 MiB halves the CPU time of the server. Where it may not be written nothing is lost but
//! that.

/// Sets the read-ahead of the device `major:minor`; whether that worked.
pub(crate) fn raise(device: &str, kib: u32) -> bool {
    if kib == 0 {
        return false;
    }
    let path = format!("/sys/class/bdi/{device}/read_ahead_kb");
    match std::fs::write(&path, kib.to_string()) {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(path, %error, "the kernel's read-ahead stays as it is");
            false
        }
    }
}
