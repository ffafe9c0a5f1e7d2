//! Putting a FUSE connection on a directory, and taking it off again. Called by `mount.rs` and `stale.rs`.
//!
//! Root mounts directly with mount(2). Anybody else goes through `fusermount3` (or `fusermount`), which is
//! setuid root and sends the open `/dev/fuse` back through a socket; it finds that socket as its standard
//! input, so no descriptor has to be inherited by every child of the process. fuser's own mount code is not
//! used: as root it mounts as type `fuse`, by which nobody could tell a dead mount of ours from another's.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use crate::mountinfo::OUR_TYPE;

const DEVICE: &str = "/dev/fuse";
/// The setuid helpers of fuse3 and fuse2, in the order tried.
const HELPERS: [&str; 2] = ["fusermount3", "fusermount"];
/// The name in the first column of `mount`.
const SOURCE: &str = "gostream";
/// How long the helper may take.
const HELPER_TIME: Duration = Duration::from_secs(20);

/// Why nothing could be mounted. The text says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// There is no `/dev/fuse`.
    #[error(
        "{DEVICE} is missing: load the module with 'modprobe fuse'; in a container pass \
         '--device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined'"
    )]
    NoDevice,
    /// This user may not open `/dev/fuse`.
    #[error(
        "{DEVICE} cannot be opened by this user: give it the mode 0666, as the package 'fuse3' does \
         ('chmod 666 {DEVICE}')"
    )]
    DeviceDenied,
    /// Not root, and no helper.
    #[error("mounting needs root or the program fusermount3: install the package 'fuse3'")]
    NoHelper,
    /// The helper refused; its own words.
    #[error("fusermount3 does not mount at {point}: {said}", point = point.display())]
    Refused {
        /// Where.
        point: PathBuf,
        /// What it printed.
        said: String,
    },
    /// The system refused.
    #[error("cannot mount at {point}: {error}", point = point.display())]
    System {
        /// Where.
        point: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// How a mount is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Users other than the owner may look in.
    pub(crate) allow_other: bool,
    /// The kernel itself refuses whatever writes.
    pub(crate) read_only: bool,
}

/// How to take a mount off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detach {
    /// Only when nobody uses it.
    Clean,
    /// From the tree at once; open files live on until they are closed.
    Lazy,
    /// Lazy, and every request on it fails from now on. Root only; others get `Lazy`.
    Abort,
}

/// Mounts at `point` and returns the connection to the kernel.
pub(crate) fn attach(point: &Path, options: Options) -> Result<OwnedFd, AttachError> {
    match attach_directly(point, options) {
        Ok(device) => Ok(device),
        Err(Errno::PERM | Errno::ACCESS) => attach_by_helper(point, options),
        Err(Errno::NOENT | Errno::NXIO | Errno::NODEV) if !Path::new(DEVICE).exists() => {
            Err(AttachError::NoDevice)
        }
        Err(error) => Err(system(point, error)),
    }
}

fn system(point: &Path, error: impl Into<io::Error>) -> AttachError {
    AttachError::System {
        point: point.to_owned(),
        error: error.into(),
    }
}

/// Whether this process may open the device itself (to give each serving thread a connection of its own).
pub(crate) fn device_opens() -> bool {
    open_device().is_ok()
}

fn open_device() -> Result<OwnedFd, Errno> {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open(DEVICE, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

fn attach_directly(point: &Path, options: Options) -> Result<OwnedFd, Errno> {
    let device = open_device()?;
    let user = rustix::process::getuid().as_raw();
    let group = rustix::process::getgid().as_raw();
    // rootmode: a directory (S_IFDIR).
    let mut data = format!(
        "fd={},rootmode=40000,user_id={user},group_id={group}",
        device.as_raw_fd()
    );
    if options.allow_other {
        data.push_str(",allow_other");
    }
    let data = CString::new(data).map_err(|_| Errno::INVAL)?;
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    flags.set(MountFlags::RDONLY, options.read_only);
    rustix::mount::mount(SOURCE, point, OUR_TYPE, flags, data.as_c_str())?;
    Ok(device)
}

fn attach_by_helper(point: &Path, options: Options) -> Result<OwnedFd, AttachError> {
    let access = if options.read_only { "ro" } else { "rw" };
    let mut list = format!("{access},nosuid,nodev,noexec,fsname={SOURCE},subtype={SOURCE}");
    if options.allow_other {
        list.push_str(",allow_other");
    }
    for helper in HELPERS {
        let (ours, theirs) = UnixStream::pair().map_err(|error| system(point, error))?;
        let child = Command::new(helper)
            .args(["-o", &list, "--"])
            .arg(point)
            .env("_FUSE_COMMFD", "0")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(system(point, error)),
        };
        let device = receive_device(&ours);
        let output = child
            .wait_with_output()
            .map_err(|error| system(point, error))?;
        return device.map_err(|error| match words(&output) {
            said if said.is_empty() => system(point, error),
            _ if matches!(open_device(), Err(Errno::ACCESS)) => AttachError::DeviceDenied,
            said => AttachError::Refused {
                point: point.to_owned(),
                said,
            },
        });
    }
    Err(AttachError::NoHelper)
}

/// The descriptor that the helper sends: one byte with one SCM_RIGHTS message.
fn receive_device(socket: &UnixStream) -> io::Result<OwnedFd> {
    socket.set_read_timeout(Some(HELPER_TIME))?;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(
            socket,
            &mut [io::IoSliceMut::new(&mut byte)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(mut files) = message
            && let Some(device) = files.next()
        {
            return Ok(device);
        }
    }
    let nothing = "the helper sent no device";
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, nothing))
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// Takes the topmost mount off `point`.
///
/// # Errors
/// `EBUSY` when [`Detach::Clean`] meets open files; else what the system or the helper says.
pub(crate) fn detach(point: &Path, how: Detach) -> io::Result<()> {
    let flags = match how {
        Detach::Clean => UnmountFlags::NOFOLLOW,
        Detach::Lazy => UnmountFlags::NOFOLLOW | UnmountFlags::DETACH,
        // FUSE takes FORCE as: abort the connection.
        Detach::Abort => UnmountFlags::NOFOLLOW | UnmountFlags::DETACH | UnmountFlags::FORCE,
    };
    match rustix::mount::unmount(point, flags) {
        Ok(()) => Ok(()),
        Err(Errno::PERM) => detach_by_helper(point, how),
        Err(error) => Err(error.into()),
    }
}

fn detach_by_helper(point: &Path, how: Detach) -> io::Result<()> {
    let options = match how {
        Detach::Clean => "-u",
        Detach::Lazy | Detach::Abort => "-uz",
    };
    for helper in HELPERS {
        let output = Command::new(helper)
            .args([options, "--"])
            .arg(point)
            .stdin(Stdio::null())
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if output.status.success() {
            return Ok(());
        }
        let said = words(&output);
        let kind = if said.contains("busy") {
            io::ErrorKind::ResourceBusy
        } else {
            io::ErrorKind::Other
        };
        return Err(io::Error::new(kind, said));
    }
    Err(io::Error::other(AttachError::NoHelper))
}

/// Ends every request on the connection of the device `0:minor`; for what is detached already. Works where the
/// kernel's control file system is mounted; whether it did.
pub(crate) fn abort_connection(device: &str) -> bool {
    let minor = device.rsplit(':').next().unwrap_or(device);
    let path = format!("/sys/fs/fuse/connections/{minor}/abort");
    let written = File::options()
        .write(true)
        .open(&path)
        .and_then(|mut file| io::Write::write_all(&mut file, b"1"));
    if let Err(error) = &written {
        tracing::debug!(path, %error, "the connection lives until its last file is closed");
    }
    written.is_ok()
}
