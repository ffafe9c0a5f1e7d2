//! What web servers say of the parts that they send, and web seeds with a name to put behind them.

type Case = (&'static str, Vec<u8>);

pub(crate) fn cases() -> Vec<Case> {
    let case = |name, text: &str| (name, text.as_bytes().to_vec());
    vec![
        case("a-part", "bytes 0-16383/100000"),
        case("a-part-of-unknown-length", "bytes 5-9/*"),
        case("backwards", "bytes 9-5/10"),
        case("beyond-the-end", "bytes 5-10/10"),
        case("unsatisfied", "bytes */10"),
        case("another-unit", "items 0-1/2"),
        case("too-large", "bytes 0-18446744073709551616/*"),
        case("signs", "bytes +1--2/-3"),
        case("a-directory", "http://h/a/\nA film.mkv"),
        case("nasty-names", "http://h/a\na b#c&d%e+f[g]\u{e9}?h\\i%2e"),
        case("a-query", "http://h/get?f=\nfilm?&#"),
        case("user-and-port", "https://u:p@h:444/..//%2e%2e/\n..%2f"),
        case("an-ipv6-host", "http://[::1]:80/\nx"),
        case("no-web-addresses", "ftp://h/\nfile:///etc/passwd\nhttp:\nx"),
        case("the-same-twice", "http://h\nHTTP://H/\nhttp://h#x"),
    ]
}
