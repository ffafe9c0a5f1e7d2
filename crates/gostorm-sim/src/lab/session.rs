//! One connection of a scripted peer: reads what comes, writes what is due.
//!
//! A single task with a single timer; it ends when the other side closes, breaks the protocol, or when
//! the script says so. Whoever stops the task closes the socket.

use std::io;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use gostorm_wire::{
    BlockSpan, EXTENDED_HANDSHAKE_ID, ExtendedHandshake, FrameLimits, HANDSHAKE_LEN, Handshake,
    Message, Reserved, Step, UtMetadata, Violation, next_frame,
};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::metadata::{self, UT_METADATA_ID};
use super::outbox::{Outbox, Timed};
use super::remote::Remote;

/// Bytes read at a time.
const READ_LEN: usize = 16 * 1024;

/// A connection.
struct Session {
    remote: Arc<Remote>,
    outbox: Outbox,
    inbox: BytesMut,
    /// Bytes of block payload that still come, and are thrown away.
    skip: usize,
    fast: bool,
    greeted: bool,
    interested: bool,
    /// The id under which the other side takes `ut_metadata` messages.
    their_metadata_id: Option<u8>,
}

/// Counts an open connection as long as it lives.
struct Open<'a>(&'a Remote);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.board.count(|counters| counters.open -= 1);
    }
}

/// Runs a connection to its end. `dialed`: we are the one that connected, and speak first.
pub(super) async fn run(remote: Arc<Remote>, stream: TcpStream, dialed: bool) -> io::Result<()> {
    if remote.is_dead() {
        return Ok(());
    }
    stream.set_nodelay(true)?;
    let start = Instant::now();
    let mut session = Session {
        outbox: Outbox::new(Arc::clone(&remote)),
        remote: Arc::clone(&remote),
        inbox: BytesMut::new(),
        skip: 0,
        fast: false,
        greeted: false,
        interested: false,
        their_metadata_id: None,
    };
    if dialed {
        session
            .outbox
            .at(start, Timed::Raw(session.handshake().encode().to_vec()));
    }
    let mut open = None;
    let timer = sleep_until(start);
    tokio::pin!(timer);
    loop {
        let now = Instant::now();
        session.outbox.step(now, session.fast);
        write(&stream, &mut session.outbox.out)?;
        if session.outbox.finished && session.outbox.out.is_empty() {
            return Ok(());
        }
        let next = session.outbox.next();
        if let Some(next) = next.filter(|next| *next != timer.deadline()) {
            timer.as_mut().reset(next);
        }
        let interest = if session.outbox.out.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        tokio::select! {
            ready = stream.ready(interest) => { ready?; }
            () = &mut timer, if next.is_some() => {}
        }
        if !read(&stream, &mut session.inbox)? {
            return Ok(());
        }
        session.take_in(dialed).map_err(io::Error::other)?;
        if session.greeted && open.is_none() {
            remote.board.count(|counters| {
                counters.connections += 1;
                counters.open += 1;
            });
            open = Some(Open(&remote));
        }
    }
}

/// Writes what the socket takes.
fn write(stream: &TcpStream, out: &mut BytesMut) -> io::Result<()> {
    while !out.is_empty() {
        match stream.try_write(out) {
            Ok(count) => out.advance(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads what the socket has, a bounded amount; false at its end.
fn read(stream: &TcpStream, inbox: &mut BytesMut) -> io::Result<bool> {
    inbox.reserve(READ_LEN);
    match stream.try_read_buf(inbox) {
        Ok(0) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

impl Session {
    fn handshake(&self) -> Handshake {
        Handshake {
            reserved: Reserved {
                fast: self.remote.script.fast,
                extended: true,
                dht: false,
                v2: false,
            },
            info_hash: self.remote.content.info_hash(),
            peer_id: self.remote.peer_id,
        }
    }

    /// Handles all that has come.
    fn take_in(&mut self, dialed: bool) -> Result<(), Violation> {
        let now = Instant::now();
        if !self.greeted {
            let Some(bytes) = self.inbox.first_chunk::<HANDSHAKE_LEN>() else {
                return Ok(());
            };
            let theirs = Handshake::decode(bytes)?;
            self.inbox.advance(HANDSHAKE_LEN);
            if theirs.info_hash != self.remote.content.info_hash() {
                self.outbox.finished = true;
                return Ok(());
            }
            self.greet(now, dialed, theirs.reserved);
        }
        loop {
            let skipped = self.skip.min(self.inbox.len());
            self.inbox.advance(skipped);
            self.skip -= skipped;
            match next_frame(&self.inbox, &FrameLimits::default())? {
                Step::Incomplete { .. } => return Ok(()),
                Step::Message { message, consumed } => {
                    self.inbox.advance(consumed);
                    self.message(now, message)?;
                }
                Step::Block { span, consumed } => {
                    self.inbox.advance(consumed);
                    self.skip = span.len as usize;
                    self.remote.board.count(|counters| counters.refused += 1);
                }
            }
        }
    }

    /// Their handshake has come: ours, what we have and who we are leave one round trip later.
    fn greet(&mut self, now: Instant, dialed: bool, theirs: Reserved) {
        self.greeted = true;
        self.fast = theirs.fast && self.remote.script.fast;
        let at = now + self.remote.script.rtt;
        if !dialed {
            let ours = self.handshake().encode().to_vec();
            self.outbox.at(at, Timed::Raw(ours));
        }
        let have = if self.fast && self.remote.have.iter().all(|has| *has) {
            Message::HaveAll
        } else if self.fast && !self.remote.have.contains(&true) {
            Message::HaveNone
        } else {
            Message::Bitfield(self.remote.bitfield())
        };
        self.outbox.at(at, Timed::Say(have));
        if theirs.extended {
            let payload = metadata::introduction(&self.remote).encode();
            let id = EXTENDED_HANDSHAKE_ID;
            self.outbox
                .at(at, Timed::Say(Message::Extended { id, payload }));
        }
    }

    fn message(&mut self, now: Instant, message: Message) -> Result<(), Violation> {
        match message {
            Message::Interested => self.on_interested(now),
            Message::Request(span) => self.on_request(now, span),
            Message::Cancel(span) => {
                let taken = self.outbox.cancel(span);
                self.remote.board.count(|counters| {
                    counters.cancels += 1;
                    counters.cancelled_blocks += u64::from(taken);
                });
                if taken {
                    // BEP 6: every request is answered, by the block or by a reject.
                    self.outbox.reject(now, self.fast, span);
                }
            }
            Message::Reject(_) => self.remote.board.count(|counters| counters.refused += 1),
            Message::Extended { id, payload } if id == EXTENDED_HANDSHAKE_ID => {
                let theirs = ExtendedHandshake::decode(&payload)?;
                self.their_metadata_id = theirs.ut_metadata;
                let port = theirs.port.unwrap_or_default();
                self.remote
                    .board
                    .count(|counters| counters.told_port = port);
                for question in metadata::questions(&self.remote, &theirs) {
                    self.outbox.at(now, Timed::Say(question));
                }
            }
            Message::Extended { id, payload } if id == UT_METADATA_ID => {
                let message = UtMetadata::decode(&payload)?;
                if let Some(answer) =
                    metadata::answer(&self.remote, self.their_metadata_id, message)
                {
                    self.outbox.answer(now, answer);
                }
            }
            Message::KeepAlive
            | Message::Choke
            | Message::Unchoke
            | Message::NotInterested
            | Message::Have(_)
            | Message::Bitfield(_)
            | Message::Port(_)
            | Message::Suggest(_)
            | Message::HaveAll
            | Message::HaveNone
            | Message::AllowedFast(_)
            | Message::Extended { .. }
            | Message::HashRequest(_)
            | Message::Hashes { .. }
            | Message::HashReject(_)
            | Message::Unknown { .. } => {}
        }
        Ok(())
    }

    fn on_interested(&mut self, now: Instant) {
        self.remote.board.count(|counters| counters.interested += 1);
        let after = self
            .remote
            .script
            .unchoke_after
            .filter(|_| !self.interested);
        self.interested = true;
        if let Some(after) = after {
            let at = now + self.remote.script.rtt + after;
            self.outbox.at(at, Timed::Unchoke);
        }
    }

    fn on_request(&mut self, now: Instant, span: BlockSpan) {
        if self.outbox.choking || !self.remote.has(span) {
            self.remote.board.count(|counters| counters.requests += 1);
            return self.outbox.reject(now, self.fast, span);
        }
        if self.remote.asked(span) && self.fast {
            return self.outbox.reject(now, self.fast, span);
        }
        self.outbox.block(now, span);
    }
}
