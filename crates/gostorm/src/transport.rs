//! A peer's byte stream, however it travels: what dialling and listening make and what a peer's task reads and writes.
//!
//! Made by `dial` and `listen`, which shake hands on it, and consumed by [`crate::peer::spawn`]. What always holds: a
//! TCP stream is read by one `readv` into the caller's own buffers and written by one `writev`; encryption happens in
//! place, in those buffers, and a plain stream is not touched; both halves are used by one task.

mod encrypt;

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gostorm_wire::mse::{Cipher, Ciphers, Established};
use librqbit_utp::{UtpStream, UtpStreamReadHalf, UtpStreamWriteHalf};
use smallvec::SmallVec;
use socket2::SockRef;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

pub(crate) use self::encrypt::{EncryptError, initiate, respond};

/// Bytes that the kernel may keep unsent: a block more than these is what a request of ours waits for at most.
/// Without it the send buffer of a peer that reads slowly grows to megabytes.
const UNSENT_MAX: u32 = 16 * 1024;

/// The stream beneath.
enum Stream {
    Tcp(TcpStream),
    Utp(Box<(UtpStreamReadHalf, UtpStreamWriteHalf)>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Utp(_) => "Utp",
        })
    }
}

/// A connected stream. Dropping it closes the connection.
#[derive(Debug)]
pub struct Transport {
    stream: Stream,
    /// `None`: bytes travel as they are.
    ciphers: Option<Box<Ciphers>>,
    /// What was read beyond the encryption handshake; comes before anything that the stream has.
    early: Vec<u8>,
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Self {
        Self::new(Stream::Tcp(stream))
    }
}

impl From<UtpStream> for Transport {
    fn from(stream: UtpStream) -> Self {
        Self::new(Stream::Utp(Box::new(stream.split())))
    }
}

impl Transport {
    const fn new(stream: Stream) -> Self {
        Self {
            stream,
            ciphers: None,
            early: Vec::new(),
        }
    }

    /// Whether it is uTP, and not TCP.
    #[must_use]
    pub const fn is_utp(&self) -> bool {
        matches!(self.stream, Stream::Utp(_))
    }

    /// Whether what is said on it is encrypted.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.ciphers.is_some()
    }

    /// Goes on as an encryption handshake has settled it.
    fn settle(&mut self, established: Established) {
        self.ciphers = established.ciphers.map(Box::new);
        self.early = established.early;
    }

    /// Has small requests not wait for the answers to earlier ones, and little lie unsent in the kernel.
    pub(crate) fn tune(&self) {
        let Stream::Tcp(stream) = &self.stream else {
            return;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_MAX) {
            tracing::debug!(%error, "no TCP_NOTSENT_LOWAT");
        }
    }

    /// The two halves, for one task that reads and writes at the same time.
    pub(crate) fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        let (incoming, outgoing) = match self.ciphers.as_deref_mut() {
            Some(Ciphers { incoming, outgoing }) => (Some(incoming), Some(outgoing)),
            None => (None, None),
        };
        let (source, sink) = match &mut self.stream {
            Stream::Tcp(stream) => (Source::Tcp(stream), Sink::Tcp(stream)),
            Stream::Utp(halves) => (Source::Utp(&mut halves.0), Sink::Utp(&mut halves.1)),
        };
        let reader = ReadHalf {
            source,
            cipher: incoming,
            early: &mut self.early,
        };
        let writer = WriteHalf {
            sink,
            cipher: outgoing,
        };
        (reader, writer)
    }

    /// Reads some bytes; how many, 0 at the end.
    pub(crate) async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (mut reader, _) = self.split();
        let mut spaces = [IoSliceMut::new(bytes)];
        poll_fn(|cx| reader.poll_read(cx, &mut spaces)).await
    }

    /// Reads until `bytes` are full.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the stream ends before.
    pub(crate) async fn read_exact(&mut self, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.read(bytes).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes = &mut bytes[count..];
        }
        Ok(())
    }

    /// Writes all of `bytes`, which are encrypted in place.
    pub(crate) async fn write_all(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let (_, mut writer) = self.split();
        writer.seal(bytes);
        let mut rest = &*bytes;
        while !rest.is_empty() {
            let count = poll_fn(|cx| writer.poll_write(cx, &[IoSlice::new(rest)])).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = &rest[count..];
        }
        Ok(())
    }
}

enum Source<'a> {
    Tcp(&'a TcpStream),
    Utp(&'a mut UtpStreamReadHalf),
}

/// The half that reads.
pub(crate) struct ReadHalf<'a> {
    source: Source<'a>,
    cipher: Option<&'a mut Cipher>,
    early: &'a mut Vec<u8>,
}

impl ReadHalf<'_> {
    /// Reads once, as soon as there is something to read, into `spaces` in their order; how many bytes, 0 at the end.
    /// `spaces` are together not empty.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        spaces: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.early.is_empty() {
            let count = fill(spaces, self.early);
            self.early.drain(..count);
            return Poll::Ready(Ok(count));
        }
        let count = ready!(match &mut self.source {
            Source::Tcp(stream) => poll_read_tcp(stream, cx, spaces),
            Source::Utp(stream) => poll_read_utp(stream, cx, spaces),
        })?;
        if let Some(cipher) = &mut self.cipher {
            decrypt(cipher, spaces, count);
        }
        Poll::Ready(Ok(count))
    }
}

/// Copies as much of `bytes` as there is room for; how much.
fn fill(spaces: &mut [IoSliceMut<'_>], bytes: &[u8]) -> usize {
    let mut rest = bytes;
    for space in spaces {
        let (now, later) = rest.split_at(space.len().min(rest.len()));
        space[..now.len()].copy_from_slice(now);
        rest = later;
    }
    bytes.len() - rest.len()
}

fn decrypt(cipher: &mut Cipher, spaces: &mut [IoSliceMut<'_>], count: usize) {
    let mut rest = count;
    for space in spaces {
        let now = space.len().min(rest);
        cipher.apply(&mut space[..now]);
        rest -= now;
    }
}

fn poll_read_tcp(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    spaces: &mut [IoSliceMut<'_>],
) -> Poll<io::Result<usize>> {
    loop {
        match read_ready(stream, spaces) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready!(stream.poll_read_ready(cx))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return Poll::Ready(other),
        }
    }
}

fn poll_read_utp(
    stream: &mut UtpStreamReadHalf,
    cx: &mut Context<'_>,
    spaces: &mut [IoSliceMut<'_>],
) -> Poll<io::Result<usize>> {
    // It shortens the slices that it is given.
    let mut lent: SmallVec<[IoSliceMut<'_>; 2]> = spaces
        .iter_mut()
        .map(|space| IoSliceMut::new(space))
        .collect();
    Pin::new(stream).poll_read_vectored(cx, &mut lent)
}

/// Reads what the socket has, without waiting.
fn read_ready(stream: &TcpStream, spaces: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let room: usize = spaces.iter().map(|space| space.len()).sum();
    let mut got = None;
    let result = stream.try_io(Interest::READABLE, || {
        let socket = SockRef::from(stream);
        let count = (&*socket).read_vectored(spaces)?;
        got = Some(count);
        // A short read has emptied the socket (epoll reports what comes later as a new edge): saying so here saves
        // the system call that would find it empty.
        if count > 0 && count < room {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    });
    match (got, result) {
        (Some(count), _) => Ok(count),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(io::ErrorKind::WouldBlock.into()),
    }
}

enum Sink<'a> {
    Tcp(&'a TcpStream),
    Utp(&'a mut UtpStreamWriteHalf),
}

/// The half that writes. Each byte goes through [`WriteHalf::seal`] once, in order, before it is written.
pub(crate) struct WriteHalf<'a> {
    sink: Sink<'a>,
    cipher: Option<&'a mut Cipher>,
}

impl WriteHalf<'_> {
    /// Encrypts in place what will be written next.
    pub(crate) fn seal(&mut self, bytes: &mut [u8]) {
        if let Some(cipher) = &mut self.cipher {
            cipher.apply(bytes);
        }
    }

    /// Writes `parts` in their order as far as the stream takes them now, or as soon as it takes any; how many bytes.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.sink {
            Sink::Tcp(stream) => poll_write_tcp(stream, cx, parts),
            Sink::Utp(stream) => {
                let part = parts.iter().find(|part| !part.is_empty());
                let part = part.map_or(&[][..], |part| part);
                Pin::new(&mut **stream).poll_write(cx, part)
            }
        }
    }
}

fn poll_write_tcp(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    parts: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    loop {
        match stream.try_write_vectored(parts) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready!(stream.poll_write_ready(cx))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return Poll::Ready(other),
        }
    }
}
