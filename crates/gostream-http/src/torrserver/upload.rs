//! `POST /torrent/upload`: .torrent files in a form, under whatever names.
//!
//! One good file is answered by its torrent, several by a list. At most [`UPLOAD_LEN_MAX`] bytes in all, and a few
//! uploads at a time: their bytes are in memory.

use axum::{
    body::Body,
    extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request, State},
    response::Response,
};

use super::{actions, api::Api, body};
use crate::{
    error::ApiRefusal,
    torrents::{Labels, NewTorrent, TorrentSource},
};

/// The longest form, in bytes.
const UPLOAD_LEN_MAX: usize = 32 * 1024 * 1024;
/// The most files in it.
const FILES_MAX: usize = 64;

/// What a form has.
#[derive(Default)]
struct Form {
    files: Vec<Vec<u8>>,
    labels: Labels,
    save: bool,
}

/// The bound of the route's bodies.
pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(UPLOAD_LEN_MAX)
}

pub(super) async fn upload(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiRefusal> {
    let _place = api.uploads.try_acquire().map_err(|_| ApiRefusal::Full)?;
    let form = read(request).await?;
    let mut added = Vec::new();
    for file in form.files {
        let new = NewTorrent {
            source: TorrentSource::File(file),
            labels: form.labels.clone(),
            save: form.save,
        };
        match api.torrents.add(new).await.map_err(ApiRefusal::from) {
            Ok(torrent) => added.push(torrent),
            // The others may be good.
            Err(ApiRefusal::Malformed) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    match &added[..] {
        [] => Err(ApiRefusal::Malformed),
        [one] => actions::one(one),
        several => actions::many(several),
    }
}

async fn read(request: Request) -> Result<Form, ApiRefusal> {
    // Read whole first: the form's reader looks for the next part from the beginning of what it has, each time that
    // some more comes.
    let (head, body) = request.into_parts();
    let bytes = body::whole(&head.headers, body, UPLOAD_LEN_MAX).await?;
    let request = Request::from_parts(head, Body::from(bytes));
    let parts = Multipart::from_request(request, &()).await;
    let mut parts = parts.map_err(|_| ApiRefusal::Malformed)?;
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.map_err(ApiRefusal::of_form)? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            if form.files.len() == FILES_MAX {
                return Err(ApiRefusal::TooLarge);
            }
            let bytes = part.bytes().await.map_err(ApiRefusal::of_form)?;
            form.files.push(bytes.to_vec());
            continue;
        }
        let text = part.text().await.map_err(ApiRefusal::of_form)?;
        match name.as_str() {
            // Its presence counts, as everywhere in this API.
            "save" => form.save = true,
            // Of clients that take the word of `add`.
            "save_to_db" => form.save |= !matches!(text.trim(), "" | "false" | "0"),
            "title" => form.labels.title = text,
            "poster" => form.labels.poster = text,
            "category" => form.labels.category = text,
            "data" => form.labels.data = text,
            _ => {}
        }
    }
    if form.labels.fit() {
        Ok(form)
    } else {
        Err(ApiRefusal::TooLarge)
    }
}
