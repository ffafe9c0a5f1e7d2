//! Read-only WebDAV (RFC 4918, class 1) over the names of the library, by the library dav-server.
//!
//! It answers OPTIONS and PROPFIND only. Bytes are served by `film`, as on every port: dav-server's own GET would
//! fill what it cannot read with zeros.

use std::{sync::Arc, time::SystemTime};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue},
    response::{IntoResponse as _, Response},
};
use dav_server::{
    DavConfig, DavHandler, DavMethodSet,
    davpath::DavPath,
    fs::{
        DavDirEntry, DavFile, DavFileSystem, DavMetaData, FsError, FsFuture, FsResult, FsStream,
        OpenOptions, ReadDirMeta,
    },
};
use futures_util::stream;

use crate::error::Refusal;
use crate::films::{FilmLibrary, Item, ItemKind};

const DEPTH: HeaderName = HeaderName::from_static("depth");

/// The precondition that a PROPFIND of everything fails (RFC 4918 §9.1).
const FINITE_DEPTH: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
    <D:error xmlns:D=\"DAV:\"><D:propfind-finite-depth/></D:error>\n";

/// The handler for a library.
pub(super) fn handler(library: Arc<dyn FilmLibrary>) -> DavHandler {
    DavConfig::new()
        .filesystem(Box::new(Names(library)))
        .methods(DavMethodSet::WEBDAV_RO)
        .build_handler()
}

/// Answers OPTIONS and PROPFIND. A PROPFIND that does not say how deep is taken as one level: RFC 4918 §9.1 lets
/// it mean everything, and lets a server refuse that.
pub(super) async fn answer(dav: &DavHandler, mut request: Request) -> Response {
    let one = HeaderValue::from_static("1");
    let depth = request.headers_mut().entry(DEPTH).or_insert(one);
    if depth.as_bytes().eq_ignore_ascii_case(b"infinity") {
        return Refusal::WholeTree(FINITE_DEPTH).into_response();
    }
    dav.handle(request).await.map(Body::new)
}

/// The library as dav-server sees it.
#[derive(Clone)]
struct Names(Arc<dyn FilmLibrary>);

impl Names {
    fn find(&self, path: &DavPath) -> FsResult<Item> {
        self.0.find(name_of(path)?).ok_or(FsError::NotFound)
    }
}

/// The path within the library. Its names are UTF-8, so another path leads nowhere.
fn name_of(path: &DavPath) -> FsResult<&str> {
    let text = std::str::from_utf8(path.as_bytes()).map_err(|_| FsError::NotFound)?;
    Ok(text.trim_matches('/'))
}

impl DavFileSystem for Names {
    fn open<'a>(
        &'a self,
        _path: &'a DavPath,
        _options: OpenOptions,
    ) -> FsFuture<'a, Box<dyn DavFile>> {
        Box::pin(async { Err(FsError::NotImplemented) })
    }

    fn read_dir<'a>(
        &'a self,
        path: &'a DavPath,
        _meta: ReadDirMeta,
    ) -> FsFuture<'a, FsStream<Box<dyn DavDirEntry>>> {
        Box::pin(async move {
            let items = self.0.children(name_of(path)?).ok_or(FsError::NotFound)?;
            let entries = items
                .into_iter()
                .map(|item| Ok(Box::new(Named(item)) as Box<dyn DavDirEntry>));
            Ok(Box::pin(stream::iter(entries)) as FsStream<Box<dyn DavDirEntry>>)
        })
    }

    fn metadata<'a>(&'a self, path: &'a DavPath) -> FsFuture<'a, Box<dyn DavMetaData>> {
        Box::pin(async move { Ok(Box::new(Named(self.find(path)?)) as Box<dyn DavMetaData>) })
    }
}

/// One item as dav-server sees it.
#[derive(Debug, Clone)]
struct Named(Item);

impl DavDirEntry for Named {
    fn name(&self) -> Vec<u8> {
        self.0.name.clone().into_bytes()
    }

    fn metadata(&'_ self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn DavMetaData>) })
    }
}

impl DavMetaData for Named {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn modified(&self) -> FsResult<SystemTime> {
        Ok(self.0.modified)
    }

    fn is_dir(&self) -> bool {
        self.0.is_folder()
    }

    fn etag(&self) -> Option<String> {
        match &self.0.kind {
            ItemKind::Folder => None,
            ItemKind::File { tag, .. } => Some(tag.clone()),
        }
    }
}
