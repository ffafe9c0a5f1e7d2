//! BitTorrent sockets are made in one place, so that none can leave by another interface than the one that is bound.
//!
//! In the engine's shell (`crates/gostorm/src`) the calls that make a socket or an HTTP client stand in `net.rs` and
//! `net/` only; everybody else asks `Net`. Looking up names belongs there as well: it is refused while there is no
//! network. One file is free: the blocklist comes from a URL of the user's, by the system's routes, as everything does
//! that the program fetches for itself. Tests make what they like.

use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::source::{SourceFile, is_cfg_test};

const SCOPE: &str = "crates/gostorm/src/";
const PLACES: [&str; 2] = ["crates/gostorm/src/net.rs", "crates/gostorm/src/net/"];
const FREE: &str = "crates/gostorm/src/blocklist/fetch.rs";

/// The last two words of a path that makes one; the last alone where the first is empty.
const MAKERS: &[(&str, &str)] = &[
    ("TcpSocket", "new_v4"),
    ("TcpSocket", "new_v6"),
    ("TcpStream", "connect"),
    ("TcpStream", "connect_timeout"),
    ("TcpListener", "bind"),
    ("UdpSocket", "bind"),
    ("Socket", "new"),
    ("Socket", "new_raw"),
    ("Client", "new"),
    ("Client", "builder"),
    ("ClientBuilder", "new"),
    ("reqwest", "get"),
    ("", "lookup_host"),
    ("", "to_socket_addrs"),
];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_place = |path: &str| path == FREE || PLACES.iter().any(|place| path.starts_with(place));
    for file in files {
        if !file.is_test && file.path.starts_with(SCOPE) && !is_place(&file.path) {
            let mut makers = Makers {
                path: &file.path,
                findings: &mut findings,
            };
            makers.visit_file(&file.syntax);
        }
    }
    findings
}

struct Makers<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Makers<'_> {
    fn found(&mut self, line: usize, name: &str) {
        let text = format!("{name} belongs into {}: ask Net for it", PLACES[0]);
        let finding = Finding::at("socket-place", self.path, line, name, text);
        self.findings.push(finding);
    }
}

impl<'ast> Visit<'ast> for Makers<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_cfg_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        let last = words.last().map_or("", String::as_str);
        let before = words.iter().rev().nth(1).map_or("", String::as_str);
        let makes =
            |(from, name): &(&str, &str)| *name == last && (from.is_empty() || *from == before);
        if MAKERS.iter().any(makes) {
            let line = path.segments[0].ident.span().start().line;
            self.found(line, &words.join("::"));
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "to_socket_addrs" {
            self.found(call.method.span().start().line, "to_socket_addrs");
        }
        visit::visit_expr_method_call(self, call);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn rules_of(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile::parse(path, text).unwrap();
        check(&[file]).into_iter().map(|f| f.text).collect()
    }

    #[test]
    fn the_engine_makes_sockets_in_one_place() {
        let text = "fn f() { TcpStream::connect(a); socket2::Socket::new(d, t, None); reqwest::Client::builder(); \
            tokio::net::UdpSocket::bind(a); tokio::net::lookup_host(n); n.to_socket_addrs(); }";
        assert_eq!(rules_of("crates/gostorm/src/tracker/udp.rs", text).len(), 6);
        assert_eq!(rules_of("crates/gostorm/src/net.rs", text), [""; 0]);
        assert_eq!(rules_of("crates/gostorm/src/net/http.rs", text), [""; 0]);
        assert_eq!(
            rules_of("crates/gostream/src/librarian/fetch.rs", text),
            [""; 0]
        );
    }

    #[test]
    fn asking_for_a_socket_and_tests_pass() {
        let text = "fn f(net: &Net) { net.connect(a); net.udp(a); UdpSocket::from_std(s); }\n\
            #[cfg(test)]\nmod tests { fn g() { TcpListener::bind(a); } }";
        assert_eq!(rules_of("crates/gostorm/src/dial.rs", text), [""; 0]);
    }
}
