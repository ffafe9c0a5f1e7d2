//! From a link to stubs: read or find the torrent, plan its films, write them, show them.
//!
//! The work is one task; its events go to whoever asked, and it ends when nobody listens any more. Nothing
//! half-written stays: when a stub cannot be written, those written before it in the same addition go again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use gostorm::OpenRequest;
use gostorm::net::reach::Reach;
use gostorm_wire::{Magnet, Metainfo};
use gostream_http::{AddEvent, AddProgress, AddRequest, AddStage, AddedFile, ControlError};
use gostream_library::{PlanOptions, PlannedStub, Stub, TorrentHash, plan_stubs, title};
use gostream_store::{TorrentRecord, Written};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::desk::{Desk, on_disk, tree_error};
use super::fetch::{self, Fetched};
use super::files::torrent_files;
use super::subtitles;
use crate::clock::now_unix;
use crate::link::Link;

/// How long a magnet's metadata may take.
const RESOLVE_MAX: Duration = Duration::from_secs(120);
/// Events that may wait for a slow listener; progress is dropped then, the end is not.
const EVENTS_MAX: usize = 64;

/// A torrent with all that is known of it.
struct Found {
    metainfo: Metainfo,
    magnet: Magnet,
}

/// Starts the addition.
pub(super) fn start(desk: Arc<Desk>, request: AddRequest) -> BoxStream<'static, AddEvent> {
    let (events, receiver) = mpsc::channel(EVENTS_MAX);
    tokio::spawn(async move {
        let work = add(&desk, request, &events);
        let end = tokio::select! {
            added = work => added,
            () = events.closed() => return,
        };
        let last = end.map_or_else(AddEvent::Failed, AddEvent::Added);
        // Who asked may have gone in this moment.
        let _ = events.send(last).await;
    });
    ReceiverStream::new(receiver).boxed()
}

async fn add(
    desk: &Arc<Desk>,
    request: AddRequest,
    events: &mpsc::Sender<AddEvent>,
) -> Result<Vec<AddedFile>, ControlError> {
    let report = |stage: AddStage, peers: u32, done_bytes: u64, total_bytes: u64| {
        let _ = events.try_send(AddEvent::Progress(AddProgress {
            stage,
            peers,
            done_bytes,
            total_bytes,
        }));
    };
    let found = find(desk, &request, &report).await?;
    report(AddStage::Writing, 0, 0, 0);
    let hash = TorrentHash(found.metainfo.info_hash.0);
    let files = torrent_files(&found.metainfo.info);
    let options = PlanOptions {
        dir: request.dir,
        name: request.name,
    };
    let plan = plan_stubs(&files, found.metainfo.info.name(), &hash, &options)
        .map_err(|error| ControlError::bad_input(format!("{}: {error}", request.link)))?;
    let desk = Arc::clone(desk);
    on_disk(move || {
        desk.shelf.check_source()?;
        let added = write(&desk, &found, hash, &plan)?;
        desk.shelf.refresh()?;
        subtitles::fetch_later(&desk, found.metainfo.info_hash, plan);
        Ok(added)
    })
    .await
}

/// The torrent that a link means.
async fn find(
    desk: &Desk,
    request: &AddRequest,
    report: &impl Fn(AddStage, u32, u64, u64),
) -> Result<Found, ControlError> {
    if let Some(bytes) = &request.torrent {
        return parse(&request.link, bytes);
    }
    match Link::parse(&request.link) {
        Link::Magnet(text) => resolve(desk, magnet(&text)?, report).await,
        Link::Hash(text) => {
            let magnet = text
                .parse()
                .map_err(|error| ControlError::bad_input(format!("{text}: {error}")))?;
            resolve(desk, magnet, report).await
        }
        Link::Url(url) => match fetch::torrent(&url, Reach::Anywhere, |done, total| {
            report(AddStage::FetchingTorrent, 0, done, total)
        })
        .await?
        {
            Fetched::Torrent(bytes) => parse(&url, &bytes),
            Fetched::Magnet(text) => resolve(desk, magnet(&text)?, report).await,
        },
        Link::File(path) => Err(ControlError::bad_input(format!(
            "{}: is no magnet, http(s) URL or info-hash",
            path.display()
        ))),
    }
}

fn magnet(text: &str) -> Result<Magnet, ControlError> {
    text.parse()
        .map_err(|error| ControlError::bad_input(format!("bad magnet link: {error}")))
}

fn parse(link: &str, bytes: &[u8]) -> Result<Found, ControlError> {
    let metainfo = Metainfo::parse(bytes).map_err(|error| {
        ControlError::bad_input(format!("{link}: not a usable .torrent file: {error}"))
    })?;
    let magnet = Magnet {
        name: Some(metainfo.info.name().to_owned()),
        trackers: metainfo.trackers.iter().flatten().cloned().collect(),
        web_seeds: metainfo.url_list.clone(),
        info_hash_v2: metainfo.info_hash_v2,
        ..Magnet::from(metainfo.info_hash)
    };
    Ok(Found { metainfo, magnet })
}

/// Has the info dict found in the swarm.
async fn resolve(
    desk: &Desk,
    magnet: Magnet,
    report: &impl Fn(AddStage, u32, u64, u64),
) -> Result<Found, ControlError> {
    let request = OpenRequest::from(&magnet);
    let trackers = request.trackers.clone();
    let mut resolution = desk.engine.resolve(request);
    let mut progress = resolution.progress();
    report(AddStage::FindingPeers, 0, 0, 0);
    let watch = async {
        while progress.changed().await.is_ok() {
            let now = *progress.borrow_and_update();
            let stage = if now.total_bytes == 0 {
                AddStage::FindingPeers
            } else {
                AddStage::FetchingMetadata
            };
            let peers = u32::try_from(now.peers).unwrap_or(u32::MAX);
            report(
                stage,
                peers,
                u64::from(now.done_bytes),
                u64::from(now.total_bytes),
            );
        }
        std::future::pending::<()>().await;
    };
    let info = tokio::select! {
        info = resolution.info() => info.map_err(|error| ControlError::failed(format!("{}: {error}", magnet.info_hash)))?,
        () = watch => return Err(ControlError::failed("the search ended without a result")),
        () = tokio::time::sleep(RESOLVE_MAX) => {
            let peers = progress.borrow().peers;
            return Err(ControlError::timed_out(format!("{}: no metadata within {} s ({peers} peers connected)", magnet.info_hash, RESOLVE_MAX.as_secs())));
        }
    };
    let mut metainfo = Metainfo::from_info_bytes(info)
        .map_err(|error| ControlError::bad_input(format!("{}: {error}", magnet.info_hash)))?;
    metainfo.trackers = trackers;
    // A hybrid that was named by its v2 hash goes by the v1 hash that is known now.
    let magnet = Magnet {
        info_hash: metainfo.info_hash,
        info_hash_v2: metainfo.info_hash_v2,
        ..magnet
    };
    Ok(Found { metainfo, magnet })
}

/// Writes what is known of the torrent; who adds it by hand wants it, whatever was removed before.
fn save(
    desk: &Desk,
    found: &Found,
    hash: TorrentHash,
    plan: &[PlannedStub],
) -> Result<(), ControlError> {
    let Found { metainfo, magnet } = found;
    let record = TorrentRecord {
        hash,
        hash_v2: metainfo.info_hash_v2.map(|hash| hash.0),
        name: metainfo.info.name().to_owned(),
        info_dict: Some(metainfo.info_bytes.to_vec()),
        trackers: metainfo.trackers.clone(),
        web_seeds: magnet.web_seeds.clone(),
        peer_hints: magnet.peers.iter().map(ToString::to_string).collect(),
        added_at_unix: now_unix(),
    };
    desk.store
        .torrents()
        .upsert(record)
        .map_err(|error| ControlError::failed(error.to_string()))?;
    let titles = plan
        .iter()
        .map(|planned| title::of(&planned.virtual_path).name);
    desk.store
        .refusals()
        .lift(&hash, titles.collect())
        .map_err(|error| ControlError::failed(error.to_string()))?;
    if !metainfo.layers.is_empty() {
        desk.store
            .piece_layers()
            .save(&hash, metainfo.layers.encode())
            .map_err(|error| ControlError::failed(error.to_string()))?;
    }
    Ok(())
}

/// Writes the record and the stubs, all or none.
fn write(
    desk: &Desk,
    found: &Found,
    hash: TorrentHash,
    plan: &[PlannedStub],
) -> Result<Vec<AddedFile>, ControlError> {
    let magnet = &found.magnet;
    let stub_of = |planned: &PlannedStub| {
        Stub::new(
            &desk.url,
            hash,
            planned.index,
            planned.size,
            Some(magnet.to_string()),
            None,
        )
    };
    let stubs = plan.iter().map(|planned| {
        Ok((
            planned,
            stub_of(planned).map_err(|error| ControlError::bad_input(error.to_string()))?,
        ))
    });
    let stubs: Vec<(&PlannedStub, Stub)> = stubs.collect::<Result<_, ControlError>>()?;
    save(desk, found, hash, plan)?;
    let mut created: Vec<&str> = Vec::new();
    for (planned, stub) in &stubs {
        match desk.shelf.stubs().write(&planned.virtual_path, stub) {
            Ok(Written::Created) => created.push(&planned.virtual_path),
            Ok(Written::Replaced | Written::Unchanged) => {}
            Err(error) => {
                for path in created {
                    if let Err(error) = desk.shelf.stubs().remove(path) {
                        tracing::error!(path, %error, "a stub of a failed addition stays");
                    }
                }
                return Err(tree_error(&error));
            }
        }
    }
    let mut added: Vec<AddedFile> = plan
        .iter()
        .map(|planned| AddedFile {
            path: planned.virtual_path.clone(),
            size: planned.size,
        })
        .collect();
    added.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(added)
}
