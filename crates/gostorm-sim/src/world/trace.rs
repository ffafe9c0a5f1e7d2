//! What happened: a hash of every output, which two runs of one seed share, and text on demand.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use gostorm_core::{Input, Output, Time};
use gostorm_wire::Message;
use rustc_hash::FxHasher;

/// Lines kept as text at most; a longer run is cut.
const LINES_MAX: usize = 2_000_000;

#[derive(Default)]
pub(super) struct Trace {
    hasher: FxHasher,
    outputs: u64,
    text: Option<Text>,
}

/// The lines of a trace; shared, so that they outlive a run that panics.
pub type Text = Rc<RefCell<Vec<String>>>;

impl Trace {
    pub(super) fn keep_text(&mut self) -> Text {
        Rc::clone(self.text.get_or_insert_default())
    }

    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    pub(super) const fn outputs(&self) -> u64 {
        self.outputs
    }

    pub(super) fn input(&mut self, now: Time, torrent: usize, input: &Input) {
        if !matches!(input, Input::Turn) {
            self.line(now, torrent, '>', &input);
        }
    }

    pub(super) fn output(&mut self, now: Time, torrent: usize, output: &Output) {
        self.outputs += 1;
        now.hash(&mut self.hasher);
        torrent.hash(&mut self.hasher);
        hash_output(output, &mut self.hasher);
        self.line(now, torrent, '<', output);
    }

    fn line(&mut self, now: Time, torrent: usize, arrow: char, what: &dyn std::fmt::Debug) {
        let text = self.text.as_ref().map(|text| text.borrow_mut());
        if let Some(mut text) = text.filter(|text| text.len() < LINES_MAX) {
            let mut line = format!("{now} [{torrent}] {arrow} ");
            // Writing to a string does not fail.
            let _ = write!(line, "{what:?}");
            text.push(line);
        }
    }
}

fn hash_output(output: &Output, into: &mut FxHasher) {
    std::mem::discriminant(output).hash(into);
    match output {
        Output::Dial { addr } => addr.hash(into),
        Output::Disconnect { peer, .. } => peer.hash(into),
        Output::Send { peer, message } => {
            peer.hash(into);
            hash_message(message, into);
        }
        Output::Reserve {
            piece,
            want_digests,
            by_blocks,
        } => (piece, want_digests, by_blocks).hash(into),
        Output::Verified { piece, blocks } => (piece, blocks).hash(into),
        Output::Spoilt { block } => block.hash(into),
        Output::Upload { peer, span } => (peer, span).hash(into),
        Output::Store { block } => block.hash(into),
        Output::Evict { piece } => piece.hash(into),
        Output::Serve { read } | Output::ServeUnverified { read } | Output::Fail { read, .. } => {
            read.hash(into);
        }
        Output::Invalidate { file, range } => (file, range).hash(into),
        Output::Lease { want, held } => {
            (want.playback, want.others, want.hungry, held).hash(into);
        }
        Output::Announce(plan) => (plan.tracker, plan.downloaded, plan.left).hash(into),
        Output::Ban { ip, .. } => ip.hash(into),
        Output::LookUp { announce } => announce.hash(into),
        Output::Rests(rest) => (rest.failures, rest.left).hash(into),
        Output::Stalled(stall) => (stall.range.start, stall.lasted, stall.served).hash(into),
    }
}

fn hash_message(message: &Message, into: &mut FxHasher) {
    std::mem::discriminant(message).hash(into);
    match message {
        Message::Have(piece) | Message::Suggest(piece) | Message::AllowedFast(piece) => {
            piece.hash(into);
        }
        Message::Request(span) | Message::Cancel(span) | Message::Reject(span) => span.hash(into),
        Message::Bitfield(payload) | Message::Extended { payload, .. } => payload.hash(into),
        Message::HashRequest(request)
        | Message::Hashes { request, .. }
        | Message::HashReject(request) => request.hash(into),
        Message::Port(port) => port.hash(into),
        Message::KeepAlive
        | Message::Choke
        | Message::Unchoke
        | Message::Interested
        | Message::NotInterested
        | Message::HaveAll
        | Message::HaveNone
        | Message::Unknown { .. } => {}
    }
}
