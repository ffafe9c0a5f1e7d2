//! The port itself: a real socket on loopback.

use std::io;
use std::net::SocketAddr;

use gostream_http::{Access, Addresses, LiveAccess, Login, WebPort, proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::library::Library;

struct Running {
    address: SocketAddr,
    access: LiveAccess,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

fn serve(library: &Library, from: Addresses, login: Login) -> Running {
    let access = LiveAccess::new(Access {
        from: vec![from],
        login,
        ..Access::nobody()
    });
    let port = WebPort::bind(0, &access).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port.port()));
    let (stop, stopped) = oneshot::channel();
    let router = proxy(library.shared());
    let task = tokio::spawn(port.serve(router, async {
        let _ = stopped.await;
    }));
    Running {
        address,
        access,
        stop: Some(stop),
        task,
    }
}

impl Running {
    async fn end(mut self) {
        self.stop.take();
        self.task.await.unwrap();
    }

    /// Sends a request's head, and reads all that comes.
    async fn ask(&self, head: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

const HEAD: &str = "HEAD /movies/Long.mkv HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";

#[tokio::test]
async fn a_request_is_answered_and_the_server_ends_with_open_connections() {
    let library = Library::default();
    let running = serve(&library, Addresses::Loopback, Login::default());
    let idle = TcpStream::connect(running.address).await.unwrap();
    let answer = running.ask(&format!("{HEAD}\r\n")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    running.end().await;
    drop(idle);
}

#[tokio::test]
async fn an_address_that_is_not_served_gets_no_answer() {
    let library = Library::default();
    let running = serve(&library, "203.0.113.1".parse().unwrap(), Login::default());
    let answer = running.ask(&format!("{HEAD}\r\n")).await;
    assert!(answer.is_err() || answer.unwrap().is_empty());
    running.end().await;
}

#[tokio::test]
async fn without_the_login_there_is_nothing() {
    let library = Library::default();
    let login = Login {
        user: "ann".to_owned(),
        password: "pw".to_owned(),
        token: String::new(),
    };
    let running = serve(&library, Addresses::Loopback, login);
    let answer = running.ask(&format!("{HEAD}\r\n")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("Basic realm"), "{answer}");
    let known = format!("{HEAD}Authorization: Basic YW5uOnB3\r\n\r\n");
    assert!(
        running
            .ask(&known)
            .await
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    running.end().await;
}

#[tokio::test]
async fn a_client_that_breaks_off_closes_its_film() {
    let library = Library::default();
    let running = serve(&library, Addresses::Loopback, Login::default());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = "GET /movies/Long.mkv HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_exact(&mut [0; 100]).await.unwrap();
    drop(stream);
    while library.open_now() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(library.opened(), 1);
    running.end().await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_refused() {
    let library = Library::default();
    let running = serve(&library, Addresses::Loopback, Login::default());
    let long = format!("{HEAD}X-Long: {}\r\n\r\n", "x".repeat(1_000_000));
    // It may be closed while we still write.
    let answer = running.ask(&long).await.unwrap_or_default();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    running.end().await;
}

#[tokio::test]
async fn a_changed_login_counts_for_the_next_request_of_an_open_connection() {
    let library = Library::default();
    let running = serve(&library, Addresses::Loopback, Login::default());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let mut ask = async || {
        let request = "HEAD /movies/Long.mkv HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(answer).unwrap()
    };
    assert!(ask().await.starts_with("HTTP/1.1 200"));
    let token = "secret".to_owned();
    let login = Login {
        token,
        ..Login::default()
    };
    let from = vec![Addresses::Loopback];
    running.access.set(Access {
        from,
        login,
        ..Access::nobody()
    });
    assert!(ask().await.starts_with("HTTP/1.1 401"));
    running.access.set(Access::nobody());
    assert!(ask().await.starts_with("HTTP/1.1 403"));
    running.end().await;
}

#[tokio::test]
async fn a_port_for_this_machine_is_opened_to_others_and_closed_again() {
    let library = Library::default();
    let running = serve(&library, Addresses::Loopback, Login::default());
    let port = running.address.port();
    // Any address of 127/8 reaches a socket that is bound to all addresses, and none but its own one that is not.
    let other = SocketAddr::from(([127, 0, 0, 2], port));
    assert!(TcpStream::connect(other).await.is_err());
    let words = [Addresses::Loopback, Addresses::Private];
    let mut access = Access::nobody();
    access.from = words.to_vec();
    running.access.set(access.clone());
    while TcpStream::connect(other).await.is_err() {
        tokio::task::yield_now().await;
    }
    let answer = running.ask(&format!("{HEAD}\r\n")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    access.from.pop();
    running.access.set(access);
    while TcpStream::connect(other).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let answer = running.ask(&format!("{HEAD}\r\n")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    running.end().await;
}

fn asked_by(origin: &str, more: &str) -> String {
    format!("{HEAD}Origin: {origin}\r\n{more}\r\n")
}

fn listing(origin: &str, login: Login) -> Access {
    Access {
        from: vec![Addresses::Loopback],
        login,
        cors_origins: vec![origin.parse().unwrap()],
        ..Access::nobody()
    }
}

#[tokio::test]
async fn a_page_of_another_site_is_refused_until_it_is_listed() {
    let library = Library::default();
    let running = serve(&library, Addresses::Loopback, Login::default());
    let foreign = asked_by("http://lampa.example", "");
    let answer = running.ask(&foreign).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let answer = running.ask(&asked_by("http://x", "")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.contains("access-control"), "{answer}");
    running
        .access
        .set(listing("http://lampa.example", Login::default()));
    let answer = running.ask(&foreign).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let readable = "access-control-allow-origin: http://lampa.example\r\n";
    assert!(answer.contains(readable), "{answer}");
    let other = asked_by("http://evil.example", "");
    let answer = running.ask(&other).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    running.access.set(listing("*", Login::default()));
    let answer = running.ask(&other).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    running.end().await;
}

#[tokio::test]
async fn a_preflight_of_a_listed_page_is_answered_before_the_login() {
    let library = Library::default();
    let running = serve(&library, Addresses::Loopback, Login::default());
    let token = "secret".to_owned();
    let login = Login {
        token,
        ..Login::default()
    };
    let ask = "OPTIONS /movies/Long.mkv HTTP/1.1\r\nHost: tv.example\r\nConnection: close\r\n\
        Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\
        Access-Control-Request-Private-Network: true\r\n";
    let preflight = |origin: &str| format!("{ask}Origin: {origin}\r\n\r\n");
    running
        .access
        .set(listing("http://lampa.example", login.clone()));
    let listed = preflight("http://lampa.example");
    let answer = running.ask(&listed).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for header in [
        "access-control-allow-origin: http://lampa.example\r\n",
        "access-control-allow-methods: POST\r\n",
        "access-control-allow-headers: origin,content-length,content-type,x-requested-with,accept,authorization\r\n",
        "access-control-allow-private-network: true\r\n",
    ] {
        assert!(answer.contains(header), "{header} in {answer}");
    }
    let other = running.ask(&preflight("http://evil.example")).await;
    assert!(!other.unwrap().contains("access-control-allow-origin"));
    let page = running.ask(&asked_by("http://lampa.example", "")).await;
    assert!(page.unwrap().starts_with("HTTP/1.1 401"));
    running.access.set(Access {
        cors_origins: Vec::new(),
        ..listing("*", login)
    });
    let answer = running.ask(&listed).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(!answer.contains("access-control"), "{answer}");
    running.end().await;
}

#[tokio::test]
async fn a_name_that_was_pointed_at_us_is_not_answered_and_an_address_is() {
    let library = Library::default();
    let running = serve(&library, Addresses::Loopback, Login::default());
    let named = |host| {
        format!("HEAD /movies/Long.mkv HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    for (host, status) in [
        ("evil.example:8080", "403"),
        ("192.168.1.5:8080", "200"),
        ("[::1]:8080", "200"),
        ("attic.lan", "200"),
    ] {
        let answer = running.ask(&named(host)).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{host}: {answer}"
        );
    }
    running.end().await;
}
