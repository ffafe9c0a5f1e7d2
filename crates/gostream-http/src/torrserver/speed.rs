//! `GET /download/{size}`: so many MiB of nothing, by which a client measures the way to us.

use std::{sync::Arc, time::SystemTime};

use axum::{
    extract::{Path, Request},
    response::Response,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::{
    error::ApiRefusal,
    film::answer::answer_item,
    films::{FilmError, Item, ItemKind, OpenFilm},
};

/// The most that can be asked for, in MiB: 1 TiB.
const MIB_MAX: u64 = 1 << 20;

/// As much as a read of a film.
static ZEROS: [u8; 128 * 1024] = [0; 128 * 1024];

struct Zeros;

impl OpenFilm for Zeros {
    fn read(&self, _offset: u64, len: u32) -> BoxFuture<'static, Result<Bytes, FilmError>> {
        let bytes = Bytes::from_static(&ZEROS);
        let len = usize::try_from(len).unwrap_or(ZEROS.len());
        Box::pin(std::future::ready(Ok(bytes.slice(..len.min(ZEROS.len())))))
    }
}

pub(super) async fn download(
    Path(size): Path<String>,
    request: Request,
) -> Result<Response, ApiRefusal> {
    let mib: u64 = size.parse().map_err(|_| ApiRefusal::Malformed)?;
    if mib > MIB_MAX {
        return Err(ApiRefusal::Malformed);
    }
    let item = Item {
        name: "zeros".to_owned(),
        modified: SystemTime::UNIX_EPOCH,
        kind: ItemKind::File {
            len: mib << 20,
            tag: format!("zeros-{mib}"),
        },
    };
    let (head, _body) = request.into_parts();
    let open = async { Ok(Arc::new(Zeros) as Arc<dyn OpenFilm>) };
    Ok(answer_item(&item, &head.method, &head.headers, open).await?)
}
