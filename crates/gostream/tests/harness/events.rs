//! A listener of the versioned API: server-sent events, line by line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// How long an event may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// What a listener reads.
pub(crate) struct Listener(BufReader<Box<dyn Read>>);

impl Listener {
    /// At the API port; what happens from now on is heard.
    pub(crate) fn new(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self::begin(stream)
    }

    /// At a control socket.
    pub(crate) fn at(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self::begin(stream)
    }

    fn begin(mut stream: impl Read + Write + 'static) -> Self {
        let request = "GET /api/v1/events HTTP/1.1\r\nHost: gostream\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut listener = Self(BufReader::new(Box::new(stream)));
        listener.line_with("content-type: text/event-stream");
        listener
    }

    fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.0.read_line(&mut line).unwrap() > 0,
                "it ended before {text}"
            );
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The next event of this kind.
    #[track_caller]
    pub(crate) fn object(&mut self, event: &str) -> Value {
        self.line_with(&format!("event: {event}"));
        let data = self.line_with("data: ");
        serde_json::from_str(data.trim().strip_prefix("data: ").unwrap()).unwrap()
    }

    /// Waits until the server ends it.
    pub(crate) fn end(mut self) {
        self.0.read_to_end(&mut Vec::new()).unwrap();
    }
}
