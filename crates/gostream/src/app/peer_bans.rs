//! `gostream bans`: the addresses that are banned for good, listed and lifted.

use gostream_http::BannedAddress;

use super::kept::Reached;
use crate::cli::{Context, Failure, output};
use crate::clock::now_unix;

/// Prints the bans, or lifts those of `lift`, as many as possible, and prints each that is none any more.
pub(crate) fn run(context: &Context, lift: Vec<String>) -> Result<(), Failure> {
    let reached = Reached::find(context, false)?;
    if lift.is_empty() {
        let bans = reached.ask(|state| state.bans())??;
        let now = now_unix();
        return output::lines(bans.iter().map(|ban| line(ban, now)));
    }
    let results = reached.ask(|state| {
        Box::pin(async move {
            let mut results = Vec::new();
            for ip in lift {
                results.push(state.lift_ban(ip).await);
            }
            results
        })
    })?;
    output::each(results, |lifted| lifted.ip)
}

/// Days since the ban, address, reason.
fn line(ban: &BannedAddress, now_unix: i64) -> String {
    let days = now_unix.saturating_sub(ban.since_unix).max(0) / 86_400;
    format!("{days:>5} days  {}  {}", ban.ip, ban.reason)
}
