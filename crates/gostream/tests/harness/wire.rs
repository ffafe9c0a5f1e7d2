//! Raw connections to a port of 127.0.0.1, for clients that behave badly.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, connect as connect_to, socket_with, sockopt,
};

/// How long a server may take for what it does at once, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The receive buffer of [`narrow`]: the kernel keeps little for who takes little.
const NARROW: usize = 64 * 1024;

/// A connection; what is read from it must come in time.
pub(crate) fn connect(port: u16) -> TcpStream {
    connect_from(Ipv4Addr::LOCALHOST, port)
}

/// A connection from another address of this machine.
pub(crate) fn connect_from(ip: Ipv4Addr, port: u16) -> TcpStream {
    made(ip, port, None)
}

/// A connection that its client breaks off in the end, so that nothing of it stays in the system.
pub(crate) fn idle(port: u16) -> TcpStream {
    let stream = connect(port);
    sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    stream
}

/// A connection whose client keeps little of what it did not take.
pub(crate) fn narrow(port: u16) -> TcpStream {
    made(Ipv4Addr::LOCALHOST, port, Some(NARROW))
}

fn made(ip: Ipv4Addr, port: u16, buffer: Option<usize>) -> TcpStream {
    // A server that is started meanwhile must not inherit it.
    let flags = SocketFlags::CLOEXEC;
    let made = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
    if let Some(size) = buffer {
        sockopt::set_socket_recv_buffer_size(&made, size).unwrap();
    }
    bind(&made, &SocketAddr::from((ip, 0))).unwrap();
    connect_to(&made, &SocketAddr::from((Ipv4Addr::LOCALHOST, port))).unwrap();
    let stream = TcpStream::from(made);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Sends bytes; all that comes back. A server may close before it has read them.
pub(crate) fn say(port: u16, bytes: &[u8]) -> String {
    let mut stream = connect(port);
    // What comes back tells whether it was heard.
    let _ = stream.write_all(bytes);
    heard(&mut stream)
}

/// All that comes until the server closes.
pub(crate) fn heard(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("no end of the answer: {error}"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a head, and then as much of `chunk` again and again as the server takes, at most `most` bytes; how many it took,
/// and what it answered.
pub(crate) fn flood(port: u16, head: &str, chunk: &[u8], most: usize) -> (usize, String) {
    let mut stream = connect(port);
    let mut sending = stream.try_clone().unwrap();
    let (head, chunk) = (head.to_owned(), chunk.to_vec());
    let sender = std::thread::spawn(move || {
        let mut sent = 0;
        let mut going = sending.write_all(head.as_bytes()).is_ok();
        while going && sent < most {
            going = sending.write_all(&chunk).is_ok();
            sent += chunk.len();
        }
        sent
    });
    let answer = heard(&mut stream);
    (sender.join().unwrap(), answer)
}
