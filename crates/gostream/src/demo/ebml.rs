//! EBML elements: an id, a size, a body (RFC 8794).
//!
//! Called by `matroska`, which knows what the elements mean. Sizes are written in the fewest bytes; what is
//! patched later has eight bytes always, so that patching moves nothing.

/// The largest size that eight bytes hold: 56 bits, all ones being "unknown" (RFC 8794 section 6.2).
const SIZE_MAX: u64 = (1 << 56) - 2;

/// Appends an id: its significant bytes, which carry their own length (RFC 8794 section 5).
pub(super) fn put_id(out: &mut Vec<u8>, id: u32) {
    put_significant(out, u64::from(id));
}

/// Appends a size in as few bytes as it needs.
pub(super) fn put_size(out: &mut Vec<u8>, size: u64) {
    // n bytes hold 7n bits; all of them set is reserved.
    let fitting = (1..8).find(|bytes| size < (1 << (7 * bytes)) - 1);
    match fitting {
        Some(bytes) => {
            let marked = size | (1 << (7 * bytes));
            put_significant(out, marked);
        }
        None => put_wide_size(out, size),
    }
}

/// Appends a size in eight bytes.
pub(super) fn put_wide_size(out: &mut Vec<u8>, size: u64) {
    let marked = size.min(SIZE_MAX) | (1 << 56);
    out.extend_from_slice(&marked.to_be_bytes());
}

/// Appends an element of these bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, id: u32, body: &[u8]) {
    put_id(out, id);
    // A length in memory fits in 64 bits on every target.
    put_size(out, u64::try_from(body.len()).unwrap_or(SIZE_MAX));
    out.extend_from_slice(body);
}

/// Appends an element of text.
pub(super) fn put_text(out: &mut Vec<u8>, id: u32, text: &str) {
    put_bytes(out, id, text.as_bytes());
}

/// Appends an element of a number, in as few bytes as it needs.
pub(super) fn put_number(out: &mut Vec<u8>, id: u32, number: u64) {
    let mut body = Vec::new();
    put_significant(&mut body, number);
    put_bytes(out, id, &body);
}

/// Appends an element of a number in eight bytes.
pub(super) fn put_wide_number(out: &mut Vec<u8>, id: u32, number: u64) {
    put_bytes(out, id, &number.to_be_bytes());
}

/// Appends an element of a floating-point number.
pub(super) fn put_float(out: &mut Vec<u8>, id: u32, number: f64) {
    put_bytes(out, id, &number.to_be_bytes());
}

/// Appends an element of elements, which `fill` writes.
pub(super) fn put_master(out: &mut Vec<u8>, id: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fill(&mut body);
    put_bytes(out, id, &body);
}

/// Big-endian without leading zero bytes; one byte at least.
fn put_significant(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
    out.extend_from_slice(&bytes[zeros..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out);
        out
    }

    #[test]
    fn sizes_take_the_fewest_bytes_and_never_mean_unknown() {
        let cases: [(u64, &[u8]); 6] = [
            (0, &[0x80]),
            (126, &[0xfe]),
            // 0xff would be "unknown size".
            (127, &[0x40, 0x7f]),
            (16382, &[0x7f, 0xfe]),
            (16383, &[0x20, 0x3f, 0xff]),
            ((1 << 49) - 1, &[1, 1, 255, 255, 255, 255, 255, 255]),
        ];
        for (size, bytes) in cases {
            assert_eq!(written(|out| put_size(out, size)), bytes, "{size}");
        }
        assert_eq!(
            written(|out| put_wide_size(out, u64::MAX)),
            [1, 255, 255, 255, 255, 255, 255, 254]
        );
    }

    #[test]
    fn an_element_is_its_id_its_size_and_its_body() {
        let element = written(|out| {
            put_master(out, 0x1654_AE6B, |body| {
                put_number(body, 0xD7, 0);
                put_number(body, 0x73C5, 0x1234);
                put_text(body, 0x86, "A");
            });
        });
        assert_eq!(
            element,
            [
                0x16, 0x54, 0xAE, 0x6B, 0x8B, 0xD7, 0x81, 0, 0x73, 0xC5, 0x82, 0x12, 0x34, 0x86,
                0x81, b'A'
            ]
        );
    }
}
