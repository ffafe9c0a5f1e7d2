//! Events as a listener reads them off the wire.

use axum::{body::Body, response::Response};
use gostream_http::{Event, Events};
use http_body_util::BodyExt as _;
use hyper::Request;
use tower::ServiceExt as _;

use crate::library::{api, json};

async fn listen(events: &Events, last_seen: Option<&str>) -> Response {
    let mut request = Request::get("/api/v1/events");
    if let Some(name) = last_seen {
        request = request.header("last-event-id", name);
    }
    let request = request.body(Body::empty()).unwrap();
    api(events).oneshot(request).await.unwrap()
}

/// What comes next on the wire.
async fn chunk(answer: &mut Response) -> String {
    let frame = answer.body_mut().frame().await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

fn changed(films: u64) -> Event {
    Event::LibraryChanged { films }
}

#[tokio::test(start_paused = true)]
async fn an_event_has_a_type_a_name_and_an_object() {
    let events = Events::new(9);
    let mut answer = listen(&events, None).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    events.tell(changed(3));
    assert_eq!(
        chunk(&mut answer).await,
        "id: 9-1\nevent: library_changed\ndata: {\"type\":\"library_changed\",\"films\":3}\n\n"
    );
    // Nothing happens for long: a comment says that the server is there.
    assert_eq!(chunk(&mut answer).await, ":\n\n");
    events.end();
    assert!(answer.body_mut().frame().await.is_none());
}

#[tokio::test]
async fn a_listener_that_comes_back_hears_what_it_missed() {
    let events = Events::new(9);
    (1..=3).for_each(|films| events.tell(changed(films)));
    let mut answer = listen(&events, Some("9-2")).await;
    assert!(chunk(&mut answer).await.starts_with("id: 9-3\n"));
    let mut stranger = listen(&events, Some("8-2")).await;
    let lagged = chunk(&mut stranger).await;
    assert!(lagged.contains("event: lagged\n"), "{lagged}");
    assert!(lagged.contains("\"lost\":null"), "{lagged}");
}

#[tokio::test]
async fn there_is_a_place_for_so_many_listeners_and_a_problem_for_the_next() {
    let events = Events::new(9);
    let mut answers = Vec::new();
    let refused = loop {
        let answer = listen(&events, None).await;
        if answer.status() != 200 {
            break answer;
        }
        answers.push(answer);
        assert!(answers.len() <= 64);
    };
    assert_eq!(refused.status(), 503);
    assert_eq!(json(refused).await["type"], "urn:gostream:problem:crowded");
    // Whoever goes makes room.
    drop(answers.pop());
    assert_eq!(listen(&events, None).await.status(), 200);
}
