//! What the metrics port shows and does: the trait that the binary implements.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{exposition::Family, health::Health, notice::Notice};

/// What the port shows and does.
pub trait Monitor: Send + Sync + 'static {
    /// The figures of `GET /metrics`.
    fn summary(&self) -> BoxFuture<'_, Value>;
    /// How reads went.
    fn profiling(&self) -> Value;
    /// How long readers waited for their first bytes, as histograms.
    fn first_bytes(&self) -> Value;
    /// The films that are open.
    fn playbacks(&self) -> Value;
    /// Every figure, for Prometheus.
    fn families(&self) -> BoxFuture<'_, Vec<Family>>;
    /// Whether everything is as it should be.
    fn health(&self) -> BoxFuture<'_, Health>;
    /// Whether films can be opened, and what is done with them kept: from the mount on, until the server stops.
    fn is_ready(&self) -> BoxFuture<'_, bool>;
    /// Takes what a media server tells, to be acted upon later; false when there is no room for it.
    fn notice(&self, notice: Notice) -> bool;
    /// Ends the process in a moment, so that an answer can still be sent.
    fn restart(&self);
}
