//! The Unix socket of a running server: made, served, found and removed here.
//!
//! `bind` is called by the server (which holds the state lock by then),
//! `connect` by the CLI. The socket appears under its name complete and with
//! mode 0600, since it is made under another name and renamed. A socket that
//! nobody answers is replaced; one that answers is never touched.

use std::{
    fs::{self, File, Permissions},
    future::Future,
    io,
    os::{
        fd::AsRawFd,
        unix::{
            fs::{FileTypeExt, PermissionsExt},
            net as unix,
        },
    },
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
};

use axum::Router;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::web::{AcceptErrors, Serving, with_bounded_bodies};

/// Connections at a time.
const CONNECTIONS_MAX: usize = 256;

/// The longest path of a Unix socket, in bytes: 108 with its NUL (unix(7)).
const SOCKET_PATH_MAX: usize = 107;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another server answers on it.
    #[error("{}: another gostream is running and answers there", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is not a socket has its name.
    #[error("{}: is not a socket; move it away", path.display())]
    NotASocket {
        /// What is in the way.
        path: PathBuf,
    },
    /// No server: there is no socket, or nobody answers on it.
    #[error("{}: no gostream is running there", path.display())]
    NoServer {
        /// Where it would be.
        path: PathBuf,
    },
    /// A system call failed.
    #[error("{}: {what}: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The bound socket. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// Removes the socket's name at the end.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may be gone already, with the whole directory: nothing is lost.
        let _ = fs::remove_file(&self.0);
    }
}

impl ControlSocket {
    /// Binds `path`, whose directory must exist. Must run inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`SocketError::InUse`] when a server answers there,
    /// [`SocketError::NotASocket`] when another file has that name, else
    /// [`SocketError::Io`].
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        refuse_what_is_there(path)?;
        let io = |what| {
            move |source| SocketError::Io {
                what,
                path: path.to_owned(),
                source,
            }
        };
        let new = path.with_extension(format!("new-{}", std::process::id()));
        // Left behind by a killed process that had our id.
        let _ = fs::remove_file(&new);
        let listener = at_short_path(&new, |short| unix::UnixListener::bind(short))
            .map_err(io("cannot make the control socket"))?;
        let unnamed = SocketFile(new.clone());
        fs::set_permissions(&new, Permissions::from_mode(0o600))
            .and_then(|()| fs::rename(&new, path))
            .map_err(io("cannot put the control socket in place"))?;
        std::mem::forget(unnamed);
        let file = SocketFile(path.to_owned());
        listener
            .set_nonblocking(true)
            .and_then(|()| UnixListener::from_std(listener))
            .map(|listener| Self { listener, file })
            .map_err(io("cannot listen on the control socket"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.file.0
    }

    /// Answers requests by `router` until `shutdown` completes; what is still running
    /// after a grace of 2 s is cut off. There are [`CONNECTIONS_MAX`] connections at
    /// most; further clients wait.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) {
        let Self { listener, file } = self;
        let router = with_bounded_bodies(router);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut serving = Serving::default();
        let mut errors = AcceptErrors::default();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                (stream, place) = accept(&listener, &places, &mut errors) => {
                    serving.add(stream, router.clone(), (), place);
                }
                () = serving.ended() => {}
                () = &mut shutdown => break,
            }
        }
        drop(listener);
        serving.end().await;
        drop(file);
    }
}

/// The next connection, with a place for it.
async fn accept(
    listener: &UnixListener,
    places: &Arc<Semaphore>,
    errors: &mut AcceptErrors,
) -> (UnixStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => errors.met(&error).await,
        }
    }
}

/// Connects to the server whose socket is at `path`.
///
/// # Errors
/// [`SocketError::NoServer`] when there is none, which a caller may take as
/// leave to do the work itself; [`SocketError::Io`] for all else, such as a
/// server of another user.
pub fn connect(path: &Path) -> Result<unix::UnixStream, SocketError> {
    at_short_path(path, |short| unix::UnixStream::connect(short)).map_err(|source| {
        let path = path.to_owned();
        let nobody = matches!(
            source.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::NotADirectory
        );
        if nobody {
            SocketError::NoServer { path }
        } else {
            SocketError::Io {
                what: "cannot reach the running gostream",
                path,
                source,
            }
        }
    })
}

/// Fails when the name is taken by a live server or by another kind of file.
fn refuse_what_is_there(path: &Path) -> Result<(), SocketError> {
    let path = path.to_owned();
    match fs::symlink_metadata(&path) {
        Ok(there) if !there.file_type().is_socket() => Err(SocketError::NotASocket { path }),
        Ok(_) => match connect(&path) {
            Ok(_) => Err(SocketError::InUse { path }),
            Err(SocketError::NoServer { .. }) => Ok(()),
            Err(error) => Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(SocketError::Io {
            what: "cannot look for a control socket",
            path,
            source,
        }),
    }
}

/// Calls `f` with a path to the same socket that fits into a socket address:
/// a long one is reached through an open descriptor of its directory.
fn at_short_path<T>(path: &Path, f: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= SOCKET_PATH_MAX {
        return f(path);
    }
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return f(path);
    };
    let dir = File::open(dir)?;
    f(&Path::new("/proc/self/fd")
        .join(dir.as_raw_fd().to_string())
        .join(name))
}
