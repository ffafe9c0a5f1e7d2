//! Hash trees: what is asked for, what is believed, what is answered.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gostorm_wire::Metainfo;
use gostorm_wire::merkle::layers_over;
use gostorm_wire::metainfo::encode_single_file_v2;
use proptest::prelude::*;

use super::*;

/// The hash of a block of the film.
fn leaf(block: u32) -> Node {
    Node::of_block(&block.to_be_bytes())
}

/// A film of so many blocks, the last one shorter: what its .torrent says, and all that there is to know.
fn film(blocks: u32, piece_blocks: u32) -> (Metainfo, HashTrees) {
    let piece_len = piece_blocks * BLOCK_LEN;
    let length = u64::from(blocks) * u64::from(BLOCK_LEN) - 5;
    let leaves: Vec<Node> = (0..blocks).map(leaf).collect();
    let height = layers_over(u64::from(blocks));
    let top = root(leaves.iter().copied(), 0, height);
    let layer: Vec<Node> = leaves
        .chunks(piece_blocks as usize)
        .map(|leaves| root(leaves.iter().copied(), 0, piece_layer(piece_len)))
        .collect();
    let torrent = encode_single_file_v2("film", length, piece_len, top, &layer, None);
    let metainfo = Metainfo::parse(&torrent).unwrap();
    let mut trees = HashTrees::of(&metainfo.info, &metainfo.layers).unwrap();
    for (piece, leaves) in (0..).zip(leaves.chunks(piece_blocks as usize)) {
        trees.learn(PieceIndex(piece), leaves);
    }
    (metainfo, trees)
}

/// Asks for all parts of a piece until none is missing; returns how many were asked for.
fn learn_piece(trees: &mut HashTrees, from: &HashTrees, piece: PieceIndex) -> usize {
    for asked in 0.. {
        let Some(part) = trees.missing(piece, 0).next() else {
            return asked;
        };
        let request = trees.request(part);
        let answer = from.answer(&request).unwrap();
        assert_eq!(answer.len(), request.answer_len());
        trees.accept(part, &answer).unwrap();
    }
    0
}

proptest! {
    #[test]
    fn a_magnet_learns_every_leaf_from_the_root_alone(
        blocks in 1_u32..3_000, shift in 0_u32..12, at in 0_u32..3_000,
    ) {
        let (metainfo, full) = film(blocks, 1 << shift);
        let mut trees = HashTrees::of(&metainfo.info, &PieceLayers::default()).unwrap();
        let block = at % blocks;
        let piece = PieceIndex(block >> shift);
        learn_piece(&mut trees, &full, piece);
        let in_piece = BlockRef { piece, block: block & ((1 << shift) - 1) };
        prop_assert_eq!(trees.leaf(in_piece), Some(leaf(block)));
        prop_assert!(trees.knows_piece(piece));
        trees.check_invariants();
    }

    #[test]
    fn a_part_with_one_wrong_bit_is_not_believed(
        blocks in 2_u32..2_000, shift in 0_u32..11, bit in any::<prop::sample::Index>(), layers: bool,
    ) {
        let (metainfo, full) = film(blocks, 1 << shift);
        let known = if layers { metainfo.layers.clone() } else { PieceLayers::default() };
        let mut trees = HashTrees::of(&metainfo.info, &known).unwrap();
        let Some(part) = trees.missing(PieceIndex(0), 0).next() else { return Ok(()) };
        let mut answer = full.answer(&trees.request(part)).unwrap().to_vec();
        let bit = bit.index(answer.len() * 8);
        answer[bit / 8] ^= 1 << (bit % 8);
        let believed = trees.accept(part, &answer);
        prop_assert!(believed.is_none());
        prop_assert!(trees.accept(part, &answer[1..]).is_none());
    }
}

#[test]
fn a_request_covers_several_small_pieces_and_a_part_of_a_large_one() {
    let (metainfo, full) = film(4_096, 64);
    let mut trees = HashTrees::of(&metainfo.info, &metainfo.layers).unwrap();
    assert_eq!(learn_piece(&mut trees, &full, PieceIndex(3)), 1);
    assert!(trees.missing(PieceIndex(7), 0).next().is_none());
    assert!(trees.missing(PieceIndex(8), 0).next().is_some());

    let (metainfo, full) = film(4_096, 1_024);
    let mut trees = HashTrees::of(&metainfo.info, &metainfo.layers).unwrap();
    let first = trees.missing(PieceIndex(1), 700).next().unwrap();
    let request = trees.request(first);
    assert_eq!((request.index, request.count), (1_024 + 512, 512));
    assert_eq!(request.proof_len(), 1);
    assert_eq!(learn_piece(&mut trees, &full, PieceIndex(1)), 2);
}

#[test]
fn the_layers_of_the_torrent_come_out_again_for_the_store() {
    let (metainfo, full) = film(2_000, 2);
    assert_eq!(full.layers(), metainfo.layers);
    let mut trees = HashTrees::of(&metainfo.info, &PieceLayers::default()).unwrap();
    learn_piece(&mut trees, &full, PieceIndex(0));
    assert!(trees.layers().is_empty(), "a part of a layer is not kept");
    learn_piece(&mut trees, &full, PieceIndex(999));
    assert_eq!(trees.layers(), metainfo.layers);
}

#[test]
fn what_no_tree_has_is_not_answered() {
    let (_, full) = film(100, 4);
    let request = full.request(Part {
        tree: 0,
        of_pieces: true,
        number: 0,
    });
    assert!(full.answer(&request).is_some());
    for wrong in [
        HashRequest {
            root: Node::ZERO,
            ..request
        },
        HashRequest {
            layer: 9,
            ..request
        },
        HashRequest {
            index: 64,
            ..request
        },
        HashRequest {
            count: 8_192,
            ..request
        },
        HashRequest {
            proof_layers: 20,
            ..request
        },
    ] {
        assert!(full.answer(&wrong).is_none(), "{wrong:?}");
    }
}

#[test]
fn leaves_are_bounded_but_for_what_is_being_filled() {
    let (_, mut full) = film(100_000, 1_024);
    full.trim(|piece| piece.0 == 0);
    assert!(full.kept <= LEAVES_MAX);
    assert!(full.leaves.contains_key(&(PieceIndex(0), 0)));
    full.check_invariants();
}

#[test]
fn the_leaves_of_a_file_end_where_the_next_one_begins() {
    let (metainfo, mut full) = film(129, 4);
    let mut trees = HashTrees::of(&metainfo.info, &metainfo.layers).unwrap();
    for trees in [&mut full, &mut trees] {
        let (other, _) = film(9, 4);
        let mut next = HashTrees::of(&other.info, &other.layers).unwrap().trees;
        next[0].file.first_piece = 33;
        trees.trees.append(&mut next);
    }
    assert_eq!(learn_piece(&mut trees, &full, PieceIndex(32)), 1);
    let last = BlockRef {
        piece: PieceIndex(32),
        block: 0,
    };
    assert_eq!(trees.leaf(last), Some(leaf(128)));
}
