//! BitTorrent on the wire: metainfo, magnet links, peer messages and tracker answers. Bytes in, validated types out.
