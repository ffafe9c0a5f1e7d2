//! The checked view over bencode.

use gostorm_wire::bencode::{DEPTH_MAX, Value, put_bytes, put_int};
use proptest::prelude::*;

/// A value, to be written in all its forms.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Int(i64),
    Bytes(Vec<u8>),
    List(Vec<Node>),
    Dict(Vec<(Vec<u8>, Node)>),
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Node::Int),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Node::Bytes),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop::collection::vec(any::<u8>(), 0..4);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Node::List),
            prop::collection::vec((key, inner), 0..5).prop_map(Node::Dict),
        ]
    })
}

fn write(node: &Node, out: &mut Vec<u8>) {
    match node {
        Node::Int(number) => put_int(out, *number),
        Node::Bytes(bytes) => put_bytes(out, bytes),
        Node::List(items) => {
            out.push(b'l');
            items.iter().for_each(|item| write(item, out));
            out.push(b'e');
        }
        Node::Dict(entries) => {
            out.push(b'd');
            for (key, value) in entries {
                put_bytes(out, key);
                write(value, out);
            }
            out.push(b'e');
        }
    }
}

fn read(value: Value<'_>) -> Node {
    if let Some(number) = value.as_i64() {
        Node::Int(number)
    } else if let Some(list) = value.as_list() {
        Node::List(list.map(read).collect())
    } else if let Some(dict) = value.as_dict() {
        let entry = |(key, value): (&[u8], _)| (key.to_vec(), read(value));
        Node::Dict(dict.iter().map(entry).collect())
    } else {
        Node::Bytes(value.as_bytes().unwrap().to_vec())
    }
}

proptest! {
    #[test]
    fn what_was_written_reads_back(node in node()) {
        let mut text = Vec::new();
        write(&node, &mut text);
        let value = Value::parse(&text).unwrap();
        prop_assert_eq!(value.raw(), &text);
        prop_assert_eq!(read(value), node);
    }

    #[test]
    fn no_beginning_of_a_value_is_a_value(node in node(), cut in any::<prop::sample::Index>()) {
        let mut text = Vec::new();
        write(&node, &mut text);
        text.truncate(cut.index(text.len()));
        prop_assert!(Value::parse(&text).is_err());
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(text in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok((value, rest)) = Value::parse_prefix(&text) {
            prop_assert_eq!([value.raw(), rest].concat(), text.clone());
            read_all(value);
        }
    }
}

fn read_all(value: Value<'_>) {
    value.as_list().into_iter().flatten().for_each(read_all);
    let entries = value.as_dict().into_iter().flatten();
    entries.for_each(|(_, value)| read_all(value));
}

#[test]
fn numbers_at_the_ends_of_their_types_are_exact_and_beyond_them_absent() {
    let u64_of = |text: &[u8]| Value::parse(text).unwrap().as_u64();
    assert_eq!(u64_of(b"i18446744073709551615e"), Some(u64::MAX));
    assert_eq!(u64_of(b"i18446744073709551616e"), None);
    assert_eq!(u64_of(b"i-1e"), None);
    let i64_of = |text: &[u8]| Value::parse(text).unwrap().as_i64();
    assert_eq!(i64_of(b"i-9223372036854775808e"), Some(i64::MIN));
    assert_eq!(i64_of(b"i9223372036854775808e"), None);
    assert_eq!(i64_of(b"1:1"), None);
}

#[test]
fn nesting_is_accepted_to_its_limit_and_not_beyond() {
    let nested = |depth: usize| [b"l".repeat(depth), b"e".repeat(depth)].concat();
    let limit = usize::try_from(DEPTH_MAX).unwrap();
    assert!(Value::parse(&nested(limit)).is_ok());
    let error = Value::parse(&nested(limit + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not valid bencode at byte 100: nested deeper than 100"
    );
}

#[test]
fn the_first_of_two_equal_keys_is_found() {
    let dict = Value::parse(b"d1:ai1e1:ai2ee").unwrap().as_dict().unwrap();
    assert_eq!(dict.get(b"a").unwrap().as_u64(), Some(1));
    assert!(dict.get(b"b").is_none());
}

#[test]
fn a_nested_dictionary_takes_turns_on_its_own() {
    let text = b"d1:ad1:bi1e1:cl1:deed1:ei2ee";
    // After the inner dictionary's value a key is due, and `d` is none.
    let error = Value::parse(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not valid bencode at byte 20: a dictionary key is not a string"
    );
}
