//! Bans and what is taken over, over HTTP.

use axum::body::Body;
use futures_util::{FutureExt as _, future::BoxFuture};
use gostream_http::{BannedAddress, ControlError, Events, StateControl, TakeOver, TakenOver};
use hyper::Request;
use tower::ServiceExt as _;

use crate::library::{api, ask, json};

/// Two bans; counts what it is to take over, and takes nothing.
pub(crate) struct Kept;

fn ban(ip: &str) -> BannedAddress {
    BannedAddress {
        ip: ip.to_owned(),
        reason: "bad data".to_owned(),
        since_unix: 7,
    }
}

impl StateControl for Kept {
    fn bans(&self) -> BoxFuture<'_, Result<Vec<BannedAddress>, ControlError>> {
        async { Ok(vec![ban("192.0.2.1"), ban("2001:db8::1")]) }.boxed()
    }

    fn lift_ban(&self, ip: String) -> BoxFuture<'_, Result<BannedAddress, ControlError>> {
        async move { Ok(ban(&ip)) }.boxed()
    }

    fn take_over(&self, brought: TakeOver) -> BoxFuture<'_, Result<TakenOver, ControlError>> {
        let infos = brought.torrents.iter().filter(|one| one.info.is_some());
        let counted = TakenOver {
            torrents: brought.torrents.len() as u64,
            completed: infos.count() as u64,
            viewed: u64::from(brought.dry_run),
            ..TakenOver::default()
        };
        async move { Ok(counted) }.boxed()
    }
}

#[tokio::test]
async fn bans_are_listed_in_pages_and_lifted_by_address() {
    let listed = json(ask("GET", "/api/v1/bans?limit=1&offset=1").await).await;
    assert_eq!(listed[0]["ip"], "2001:db8::1");
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let lifted = json(ask("DELETE", "/api/v1/bans/2001:db8::1").await).await;
    assert_eq!(lifted["ip"], "2001:db8::1");
}

#[tokio::test]
async fn what_is_brought_is_read_strictly() {
    let send = async |body: &str| {
        let request = Request::post("/api/v1/import").body(Body::from(body.to_owned()));
        let answer = api(&Events::new(1))
            .oneshot(request.unwrap())
            .await
            .unwrap();
        (answer.status().as_u16(), json(answer).await)
    };
    let whole = r#"{"dry_run":true,"torrents":[{"hash":"ab","info_base64":"ZDE6"},{"hash":"cd"}],"refused":[]}"#;
    let (status, counted) = send(whole).await;
    assert_eq!(status, 200);
    assert_eq!(
        (
            &counted["torrents"],
            &counted["completed"],
            &counted["viewed"]
        ),
        (&2.into(), &1.into(), &1.into())
    );
    for (body, named) in [
        ("7", "the request is not valid"),
        (r#"{"torrent":[]}"#, "torrent"),
        (r#"{"torrents":[{"title":"x"}]}"#, "hash"),
        (
            r#"{"torrents":[{"hash":"x","info_base64":"%"}]}"#,
            "info_base64",
        ),
        (r#"{"viewed":[{"hash":"x","file_index":-1}]}"#, "-1"),
    ] {
        let (status, problem) = send(body).await;
        assert_eq!(status, 400, "{body}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(named), "{body}: {detail}");
    }
}
