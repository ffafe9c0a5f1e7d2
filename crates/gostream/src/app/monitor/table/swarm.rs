//! Rows of the engine: torrents, peers, memory and network.

use super::metric::{Metric, counter, each, gauge, one};

pub(super) const ENGINE: &[Metric] = &[
    gauge(
        "gostream_torrents_awake",
        "torrents",
        "Torrents that are awake.",
        |s| one(s.torrents.awake),
    ),
    gauge(
        "gostream_torrents_searching",
        "torrents",
        "Of them, those that look for their metadata.",
        |s| one(s.torrents.searching),
    ),
    counter(
        "gostream_torrent_wakes_total",
        "torrents",
        "Torrents that woke.",
        |s| one(s.totals.wakes),
    ),
    gauge(
        "gostream_readers",
        "readers",
        "Open readers of awake torrents, by what they do.",
        |s| {
            let torrents = &s.torrents;
            each(
                "class",
                [
                    ("playback", torrents.playbacks),
                    ("probe", torrents.probes),
                    ("scan", torrents.scans),
                ],
            )
        },
    )
    .by("class: playback, probe, scan"),
    gauge(
        "gostream_readers_confirmed",
        "readers",
        "Open readers of films that somebody watches.",
        |s| one(s.torrents.confirmed),
    ),
    gauge(
        "gostream_reads_waiting",
        "reads",
        "Reads that wait for the swarm.",
        |s| one(s.torrents.waiting_reads),
    ),
    gauge("gostream_peers", "peers", "Connected peers.", |s| {
        one(s.torrents.peers)
    }),
    gauge(
        "gostream_peers_seeding",
        "peers",
        "Connected peers that have every piece.",
        |s| one(s.torrents.seeds),
    ),
    gauge(
        "gostream_peers_served",
        "peers",
        "Connected peers that we serve.",
        |s| one(s.torrents.unchoked),
    ),
    gauge(
        "gostream_peer_candidates",
        "addresses",
        "Known addresses of peers that are not connected.",
        |s| one(s.torrents.candidates),
    ),
    gauge("gostream_peers_dialing", "dials", "Dials under way.", |s| {
        one(s.torrents.dialing)
    }),
    gauge(
        "gostream_blocks_outstanding",
        "blocks",
        "Blocks that peers owe us.",
        |s| one(s.torrents.outstanding_blocks),
    ),
    counter(
        "gostream_downloaded_bytes_total",
        "bytes",
        "Payload received from peers.",
        |s| one(s.totals.downloaded_bytes),
    ),
    counter(
        "gostream_wasted_bytes_total",
        "bytes",
        "Payload that was of no use: twice, unasked, spoilt.",
        |s| one(s.totals.wasted_bytes),
    ),
    counter(
        "gostream_abandoned_bytes_total",
        "bytes",
        "Payload of pieces that were given up before it came: what seeks cost.",
        |s| one(s.totals.abandoned_bytes),
    ),
    counter(
        "gostream_uploaded_bytes_total",
        "bytes",
        "Payload sent to peers.",
        |s| one(s.totals.uploaded_bytes),
    ),
    counter(
        "gostream_hedges_total",
        "blocks",
        "Blocks that were late and asked of a second peer.",
        |s| one(s.totals.hedges),
    ),
    counter(
        "gostream_hash_failures_total",
        "pieces",
        "Pieces that failed their hash.",
        |s| one(s.totals.hash_failures),
    ),
    counter(
        "gostream_peer_offences_total",
        "offences",
        "Breaches of the protocol by peers, by kind.",
        |s| {
            each(
                "kind",
                s.offences.iter().map(|(kind, count)| (kind, *count)),
            )
        },
    )
    .by("kind: the name of the breach"),
];

pub(super) const MEMORY: &[Metric] = &[
    gauge(
        "gostream_budget_bytes",
        "bytes",
        "RAM that pieces may take: read_ahead_budget_mb.",
        |s| one(s.budget_bytes),
    ),
    gauge(
        "gostream_budget_used_bytes",
        "bytes",
        "RAM that pieces take.",
        |s| one(s.held_bytes),
    ),
    gauge(
        "gostream_budget_active_bytes",
        "bytes",
        "Of it, that of torrents that somebody has open.",
        |s| one(s.torrents.active_bytes),
    ),
    gauge(
        "gostream_pieces_held",
        "pieces",
        "Pieces in RAM, also those that are being filled.",
        |s| one(s.torrents.held_pieces),
    ),
];

pub(super) const NETWORK: &[Metric] = &[
    gauge(
        "gostream_network_up",
        "",
        "1 while there is a network for BitTorrent (bind_interface).",
        |s| one(s.network_up),
    ),
    gauge(
        "gostream_forwarded_port",
        "",
        "The port at the router or VPN gateway that leads to us; 0: none.",
        |s| one(u64::from(s.forwarded_port)),
    ),
    gauge(
        "gostream_dht_nodes",
        "nodes",
        "Nodes of the DHT that ours knows.",
        |s| {
            let nodes = s.dht_nodes.map(|[v4, v6]| [("ipv4", v4), ("ipv6", v6)]);
            each("family", nodes.into_iter().flatten())
        },
    )
    .by("family: ipv4, ipv6"),
    gauge(
        "gostream_blocklist_ranges",
        "ranges",
        "Ranges of the blocklist in use.",
        |s| s.filter.ranges.map(one).unwrap_or_default(),
    ),
    counter(
        "gostream_blocked_total",
        "connections",
        "Connections that the blocklist kept away.",
        |s| {
            let filter = &s.filter;
            each(
                "direction",
                [
                    ("incoming", filter.incoming),
                    ("outgoing", filter.outgoing),
                    ("connected", filter.connected),
                ],
            )
        },
    )
    .by("direction: incoming, outgoing, connected"),
];
