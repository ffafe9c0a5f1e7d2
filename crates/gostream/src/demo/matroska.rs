//! A Matroska file of uncompressed picture and sound (RFC 9559).
//!
//! Called by `share` to have something to seed. Laid out as films are: SeekHead, Info and Tracks in front,
//! a Cluster for each second, the Cues at the end, which is why a player jumps there first. Plays in anything
//! that knows `V_UNCOMPRESSED` and `A_PCM/INT/LIT`.

use std::io::{self, Seek, SeekFrom, Write};

use super::ebml::{
    put_bytes, put_float, put_id, put_master, put_number, put_size, put_text, put_wide_number,
    put_wide_size,
};
use super::picture::{FRAME_RATE, HEIGHT, SAMPLE_RATE, WIDTH, put_frame, put_sound};

/// The ids of the elements (RFC 8794 section 11.2, RFC 9559 section 5.1).
mod ids {
    pub(super) const EBML: u32 = 0x1A45_DFA3;
    pub(super) const EBML_VERSION: u32 = 0x4286;
    pub(super) const EBML_READ_VERSION: u32 = 0x42F7;
    pub(super) const EBML_MAX_ID_LENGTH: u32 = 0x42F2;
    pub(super) const EBML_MAX_SIZE_LENGTH: u32 = 0x42F3;
    pub(super) const DOC_TYPE: u32 = 0x4282;
    pub(super) const DOC_TYPE_VERSION: u32 = 0x4287;
    pub(super) const DOC_TYPE_READ_VERSION: u32 = 0x4285;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(super) const SEEK: u32 = 0x4DBB;
    pub(super) const SEEK_ID: u32 = 0x53AB;
    pub(super) const SEEK_POSITION: u32 = 0x53AC;
    pub(super) const INFO: u32 = 0x1549_A966;
    pub(super) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(super) const DURATION: u32 = 0x4489;
    pub(super) const TITLE: u32 = 0x7BA9;
    pub(super) const MUXING_APP: u32 = 0x4D80;
    pub(super) const WRITING_APP: u32 = 0x5741;
    pub(super) const TRACKS: u32 = 0x1654_AE6B;
    pub(super) const TRACK_ENTRY: u32 = 0xAE;
    pub(super) const TRACK_NUMBER: u32 = 0xD7;
    pub(super) const TRACK_UID: u32 = 0x73C5;
    pub(super) const TRACK_TYPE: u32 = 0x83;
    pub(super) const FLAG_LACING: u32 = 0x9C;
    pub(super) const DEFAULT_DURATION: u32 = 0x23_E383;
    pub(super) const LANGUAGE: u32 = 0x22_B59C;
    pub(super) const CODEC_ID: u32 = 0x86;
    pub(super) const VIDEO: u32 = 0xE0;
    pub(super) const FLAG_INTERLACED: u32 = 0x9A;
    pub(super) const PIXEL_WIDTH: u32 = 0xB0;
    pub(super) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(super) const UNCOMPRESSED_FOUR_CC: u32 = 0x2E_B524;
    pub(super) const AUDIO: u32 = 0xE1;
    pub(super) const SAMPLING_FREQUENCY: u32 = 0xB5;
    pub(super) const CHANNELS: u32 = 0x9F;
    pub(super) const BIT_DEPTH: u32 = 0x6264;
    pub(super) const CLUSTER: u32 = 0x1F43_B675;
    pub(super) const TIMESTAMP: u32 = 0xE7;
    pub(super) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(super) const CUES: u32 = 0x1C53_BB6B;
    pub(super) const CUE_POINT: u32 = 0xBB;
    pub(super) const CUE_TIME: u32 = 0xB3;
    pub(super) const CUE_TRACK_POSITIONS: u32 = 0xB7;
    pub(super) const CUE_TRACK: u32 = 0xF7;
    pub(super) const CUE_CLUSTER_POSITION: u32 = 0xF1;
}

/// Track of the picture.
const PICTURE: u8 = 1;
/// Track of the sound.
const SOUND: u8 = 2;
/// A tick is a millisecond: this many nanoseconds (RFC 9559 section 5.1.2.9).
const TICK_NS: u32 = 1_000_000;
/// Milliseconds that a frame is seen.
const FRAME_MS: u32 = 1000 / FRAME_RATE;

/// Where parts begin, and where the segment ends: bytes from the start of the segment's body.
#[derive(Debug, Clone, Copy, Default)]
struct Places {
    info: u64,
    tracks: u64,
    cues: u64,
    end: u64,
}

/// Writes a film of so many seconds (at least 1) from the start of `out`.
///
/// # Errors
/// When `out` cannot be written.
pub(super) fn write(out: &mut (impl Write + Seek), title: &str, seconds: u32) -> io::Result<()> {
    let mut places = Places::default();
    let mut head = Vec::new();
    let body = put_head(&mut head, title, seconds, &mut places);
    // Written now for its length; what it says of the Cues and the end is known at the end.
    out.write_all(&head)?;
    let mut at = len(&head) - body;
    let mut clusters = Vec::new();
    let mut cluster = Vec::new();
    for second in 0..seconds {
        cluster.clear();
        put_cluster(&mut cluster, second);
        out.write_all(&cluster)?;
        clusters.push(at);
        at += len(&cluster);
    }
    places.cues = at;
    let mut cues = Vec::new();
    put_cues(&mut cues, &clusters);
    out.write_all(&cues)?;
    places.end = at + len(&cues);
    head.clear();
    put_head(&mut head, title, seconds, &mut places);
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&head)?;
    out.flush()
}

/// Appends all that comes before the first cluster, and notes where Info and Tracks begin; returns where the
/// segment's body begins. Has the same length whatever the places are.
fn put_head(out: &mut Vec<u8>, title: &str, seconds: u32, places: &mut Places) -> u64 {
    put_master(out, ids::EBML, |ebml| {
        put_number(ebml, ids::EBML_VERSION, 1);
        put_number(ebml, ids::EBML_READ_VERSION, 1);
        put_number(ebml, ids::EBML_MAX_ID_LENGTH, 4);
        put_number(ebml, ids::EBML_MAX_SIZE_LENGTH, 8);
        put_text(ebml, ids::DOC_TYPE, "matroska");
        put_number(ebml, ids::DOC_TYPE_VERSION, 4);
        put_number(ebml, ids::DOC_TYPE_READ_VERSION, 2);
    });
    put_id(out, ids::SEGMENT);
    put_wide_size(out, places.end);
    let body = len(out);
    put_master(out, ids::SEEK_HEAD, |seek_head| {
        let entries = [
            (ids::INFO, places.info),
            (ids::TRACKS, places.tracks),
            (ids::CUES, places.cues),
        ];
        for (id, position) in entries {
            put_master(seek_head, ids::SEEK, |seek| {
                put_bytes(seek, ids::SEEK_ID, &id.to_be_bytes());
                put_wide_number(seek, ids::SEEK_POSITION, position);
            });
        }
    });
    places.info = len(out) - body;
    put_master(out, ids::INFO, |info| {
        put_number(info, ids::TIMESTAMP_SCALE, u64::from(TICK_NS));
        put_float(info, ids::DURATION, f64::from(seconds) * 1000.0);
        put_text(info, ids::TITLE, title);
        put_text(info, ids::MUXING_APP, "GoStream");
        put_text(info, ids::WRITING_APP, "GoStream");
    });
    places.tracks = len(out) - body;
    put_tracks(out);
    body
}

fn put_tracks(out: &mut Vec<u8>) {
    put_master(out, ids::TRACKS, |tracks| {
        // The kinds are those of RFC 9559 section 5.1.4.1.3.
        put_track(tracks, PICTURE, 1, "V_UNCOMPRESSED", |track| {
            put_master(track, ids::VIDEO, |video| {
                // 2: progressive (RFC 9559 section 5.1.4.1.28.1).
                put_number(video, ids::FLAG_INTERLACED, 2);
                put_number(video, ids::PIXEL_WIDTH, u64::from(WIDTH));
                put_number(video, ids::PIXEL_HEIGHT, u64::from(HEIGHT));
                put_bytes(video, ids::UNCOMPRESSED_FOUR_CC, b"I420");
            });
        });
        put_track(tracks, SOUND, 2, "A_PCM/INT/LIT", |track| {
            put_master(track, ids::AUDIO, |audio| {
                put_float(audio, ids::SAMPLING_FREQUENCY, f64::from(SAMPLE_RATE));
                put_number(audio, ids::CHANNELS, 1);
                put_number(audio, ids::BIT_DEPTH, 16);
            });
        });
    });
}

fn put_track(
    out: &mut Vec<u8>,
    number: u8,
    kind: u64,
    codec: &str,
    details: impl FnOnce(&mut Vec<u8>),
) {
    put_master(out, ids::TRACK_ENTRY, |track| {
        put_number(track, ids::TRACK_NUMBER, u64::from(number));
        put_number(track, ids::TRACK_UID, u64::from(number));
        put_number(track, ids::TRACK_TYPE, kind);
        put_number(track, ids::FLAG_LACING, 0);
        let frame_ns = u64::from(FRAME_MS) * u64::from(TICK_NS);
        put_number(track, ids::DEFAULT_DURATION, frame_ns);
        put_text(track, ids::LANGUAGE, "und");
        put_text(track, ids::CODEC_ID, codec);
        details(track);
    });
}

/// Appends the cluster of one second.
fn put_cluster(out: &mut Vec<u8>, second: u32) {
    let mut body = Vec::new();
    put_number(&mut body, ids::TIMESTAMP, u64::from(second) * 1000);
    let mut block = Vec::new();
    for index in 0..FRAME_RATE {
        let frame = second * FRAME_RATE + index;
        // At most 960, as a cluster is a second long.
        let time = i16::try_from(index * FRAME_MS).unwrap_or(i16::MAX);
        for track in [PICTURE, SOUND] {
            block.clear();
            // The track as a size is; time within the cluster; 0x80: a key frame (RFC 9559 section 10.2).
            put_size(&mut block, u64::from(track));
            block.extend_from_slice(&time.to_be_bytes());
            block.push(0x80);
            if track == PICTURE {
                put_frame(&mut block, frame);
            } else {
                put_sound(&mut block, frame);
            }
            put_bytes(&mut body, ids::SIMPLE_BLOCK, &block);
        }
    }
    put_bytes(out, ids::CLUSTER, &body);
}

/// Appends the index: where the cluster of each second is.
fn put_cues(out: &mut Vec<u8>, clusters: &[u64]) {
    put_master(out, ids::CUES, |cues| {
        for (second, position) in (0_u64..).zip(clusters) {
            put_master(cues, ids::CUE_POINT, |point| {
                put_number(point, ids::CUE_TIME, second * 1000);
                put_master(point, ids::CUE_TRACK_POSITIONS, |positions| {
                    put_number(positions, ids::CUE_TRACK, u64::from(PICTURE));
                    put_number(positions, ids::CUE_CLUSTER_POSITION, *position);
                });
            });
        }
    });
}

fn len(bytes: &[u8]) -> u64 {
    // A length in memory fits in 64 bits on every target.
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
