//! Torrents of v2 and hybrids that another maker wrote, and their hash trees.

use gostorm_wire::metainfo::piece_layer;
use gostorm_wire::{Info, InfoHashV2, Metainfo, Node, PieceIndex, PieceLayers, merkle};

use crate::metainfo::{made_by_libtorrent, summary};

#[test]
fn a_torrent_of_v2_alone_is_named_by_the_beginning_of_its_hash() {
    let v2 = made_by_libtorrent("v2").unwrap();
    let hash = v2.info_hash_v2.unwrap();
    assert_eq!(hash, Info::info_hash_v2_of(&v2.info_bytes));
    assert_eq!(v2.info_hash, hash.truncated());
    assert!(v2.info.has_v2() && !v2.info.has_v1());
    assert_eq!(
        summary(&v2.info),
        "\"Show\", 7 pieces, [b.mkv@0+33333, readme.nfo@49152+2, sub/épisode 1.mkv@65536+40000]"
    );
    assert!(v2.info.piece_sha1(PieceIndex(0)).is_none());
}

#[test]
fn a_hybrid_is_cut_like_its_v2_part_and_its_padding_is_zeros() {
    let v2 = made_by_libtorrent("v2").unwrap().info;
    let hybrid = made_by_libtorrent("hybrid").unwrap().info;
    assert!(hybrid.has_v1() && hybrid.has_v2());
    for piece in (0..7).map(PieceIndex) {
        let len = hybrid.piece_len(piece).unwrap();
        assert_eq!(Some(len), v2.piece_len(piece));
        assert_eq!(hybrid.piece_sha1(piece).unwrap().1, 16384 - len);
    }
    assert_eq!(hybrid.piece_len(PieceIndex(2)), Some(33333 - 2 * 16384));
    assert_eq!(hybrid.piece_len(PieceIndex(3)), Some(2));
    let roots = |info: &Info| {
        info.trees()
            .iter()
            .map(|tree| tree.root)
            .collect::<Vec<_>>()
    };
    assert_eq!(roots(&hybrid), roots(&v2));
    let files = |info: &Info| {
        info.trees()
            .iter()
            .map(|tree| tree.file)
            .collect::<Vec<_>>()
    };
    assert_eq!((files(&hybrid), files(&v2)), (vec![0, 2, 4], vec![0, 1, 2]));
}

#[test]
fn piece_layers_lead_to_their_roots_and_a_wrong_one_is_refused() {
    let Metainfo { info, layers, .. } = made_by_libtorrent("v2").unwrap();
    let tree = &info.trees()[0];
    let layer = layers.get(tree.root).unwrap().clone();
    assert_eq!(layer.len(), 3 * 32);
    let text = layers.encode();
    assert_eq!(PieceLayers::parse(&text, &info).as_ref(), Ok(&layers));
    let mut changed = text.clone();
    let last = changed.len() - 2;
    changed[last] ^= 1;
    assert!(PieceLayers::parse(&changed, &info).is_err());
    let mut kept = PieceLayers::default();
    assert!(!kept.insert(tree, info.piece_length(), layer.slice(..64)));
    assert!(kept.insert(tree, info.piece_length(), layer));
    assert_eq!(kept.get(tree.root), layers.get(tree.root));
}

#[test]
fn a_root_is_made_of_blocks_also_where_a_piece_has_several() {
    let blocks: Vec<Node> = (0..11_u8).map(|byte| Node::of_block(&[byte; 99])).collect();
    let from = piece_layer(65536);
    assert_eq!(from, 2);
    let pieces = blocks
        .chunks(4)
        .map(|blocks| merkle::root(blocks.iter().copied(), 0, from));
    let whole = merkle::root(blocks.iter().copied(), 0, merkle::layers_over(11));
    assert_eq!(
        merkle::root(pieces, from, merkle::layers_over(11) - from),
        whole
    );
}

#[test]
fn a_torrent_is_known_by_either_of_its_names() {
    let hybrid = made_by_libtorrent("hybrid").unwrap();
    let (bytes, v2) = (&hybrid.info_bytes, hybrid.info_hash_v2.unwrap());
    assert!(Info::is_named(bytes, hybrid.info_hash, None));
    assert!(Info::is_named(bytes, hybrid.info_hash, Some(v2)));
    assert!(Info::is_named(bytes, v2.truncated(), Some(v2)));
    let mut other = v2;
    other.0[31] ^= 1;
    assert!(!Info::is_named(bytes, hybrid.info_hash, Some(other)));
    assert!(!Info::is_named(bytes, v2.truncated(), Some(other)));
    assert!(!Info::is_named(&bytes[1..], v2.truncated(), None));
    assert!(!Info::is_named(
        bytes,
        InfoHashV2([0; 32]).truncated(),
        None
    ));
}
