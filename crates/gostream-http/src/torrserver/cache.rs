//! `POST /cache`: what is held of a torrent, and who reads it. Looking wakes nothing.

use std::collections::BTreeMap;

use axum::{body::Body, extract::State, http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};

use super::{api::Api, body, status::TorrentStatus};
use crate::{
    error::ApiRefusal,
    torrents::{HeldPiece, PieceMap, ReaderPlace, TorrentId, TorrentView},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    action: Option<String>,
    hash: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CacheState<'a> {
    hash: String,
    capacity: u64,
    filled: u64,
    pieces_length: u64,
    pieces_count: u64,
    torrent: TorrentStatus<'a>,
    pieces: BTreeMap<u32, Piece>,
    readers: Vec<Reader>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Piece {
    id: u32,
    length: u32,
    size: u32,
    completed: bool,
    priority: u8,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reader {
    start: u32,
    end: u32,
    reader: u32,
}

/// What clients call the priority of a piece: 5 where a reader is, 4 the next one, 3 what a reader wants ahead.
fn priority(piece: &HeldPiece, readers: &[ReaderPlace]) -> u8 {
    let of_reader = |reader: &ReaderPlace| match piece.number {
        number if piece.verified || number < reader.at || number > reader.last => 0,
        number if number == reader.at => 5,
        number if number == reader.at + 1 => 4,
        _ => 3,
    };
    readers.iter().map(of_reader).max().unwrap_or_default()
}

fn state<'a>(torrent: &'a TorrentView, map: &PieceMap) -> CacheState<'a> {
    let pieces = map.pieces.iter().map(|piece| {
        let shown = Piece {
            id: piece.number,
            length: piece.len,
            size: piece.filled,
            completed: piece.verified,
            priority: priority(piece, &map.readers),
        };
        (piece.number, shown)
    });
    let readers = map.readers.iter().map(|reader| Reader {
        start: reader.first,
        end: reader.last,
        reader: reader.at,
    });
    CacheState {
        hash: torrent.id.to_string(),
        capacity: map.capacity,
        filled: map.filled,
        pieces_length: map.piece_len,
        pieces_count: map.piece_count,
        torrent: TorrentStatus::from(torrent),
        pieces: pieces.collect(),
        readers: readers.collect(),
    }
}

pub(super) async fn cache(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiRefusal> {
    let wanted: Wanted = body::json(&headers, body).await?;
    if wanted.action.as_deref() != Some("get") {
        return Err(ApiRefusal::Malformed);
    }
    let hash = wanted.hash.as_deref().filter(|hash| !hash.is_empty());
    let id: TorrentId = hash
        .ok_or(ApiRefusal::Malformed)?
        .parse()
        .map_err(|_| ApiRefusal::Unknown)?;
    let torrent = api.torrents.get(id).await?.ok_or(ApiRefusal::Unknown)?;
    match api.torrents.pieces(id).await? {
        Some(map) => body::answer(&state(&torrent, &map)),
        None => body::answer(&serde_json::Map::new()),
    }
}
