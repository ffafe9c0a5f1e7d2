//! Who watches and what is seen of it: the source of films, the open ones, webhooks, and the metrics port.
//!
//! Started before there is a mount, so that the port can say that it is not ready, and stopped after it is gone.

use std::sync::Arc;

use gostream_fs::FsMetrics;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::monitor::{self, ServerMonitor};
use crate::app::parts::Parts;
use crate::app::playback::{Playbacks, Plex, Positions, Registry};
use crate::app::settings::LiveSettings;
use crate::app::source::EngineSource;
use crate::app::web::WebPorts;
use crate::cli::Context;

/// See the module.
pub(super) struct Watching {
    pub(super) source: Arc<EngineSource>,
    pub(super) monitor: Arc<ServerMonitor>,
    pub(super) fs: Arc<FsMetrics>,
    pub(super) open: Arc<Registry>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Watching {
    pub(super) fn start(
        context: &Context,
        parts: &Parts,
        web: &mut WebPorts,
        settings: &LiveSettings,
    ) -> Self {
        let open = Arc::<Registry>::default();
        let positions = Arc::new(Positions::new(Arc::clone(&parts.store)));
        let keep = Arc::clone(&positions);
        open.set_on_close(move |handle| keep.save([handle]));
        let stop = CancellationToken::new();
        let source = Arc::new(EngineSource::new(
            parts.engine.clone(),
            parts.warm.cache().cloned(),
            Arc::clone(&open),
            Arc::clone(&positions),
        ));
        let (playbacks, playing) = Playbacks::start(
            parts.engine.clone(),
            Arc::clone(&open),
            positions,
            Plex::new(settings.plex()),
            stop.clone(),
        );
        let fs = Arc::<FsMetrics>::default();
        let monitor = Arc::new(ServerMonitor::new(monitor::Parts {
            engine: parts.engine.clone(),
            store: Arc::clone(&parts.store),
            shelf: Arc::clone(&parts.shelf),
            warm: Arc::clone(&parts.warm),
            fs: Arc::clone(&fs),
            reads: source.figures(),
            open: Arc::clone(&open),
            playbacks,
            web: web.figures(),
            config_source: config_source(context),
        }));
        let shown: Arc<dyn gostream_http::Monitor> = Arc::<ServerMonitor>::clone(&monitor);
        let port = web.serve_monitor(shown, Arc::new(settings.clone()), &stop);
        Self {
            source,
            monitor,
            fs,
            open,
            stop,
            tasks: port.into_iter().chain([playing]).collect(),
        }
    }

    /// Ends the port, and the task of the webhooks; both are to be waited for.
    pub(super) fn stop(self) -> Vec<JoinHandle<()>> {
        self.stop.cancel();
        self.tasks
    }
}

/// Where the settings come from, for the figures.
fn config_source(context: &Context) -> String {
    let file = context.config_file.as_ref();
    file.map(|file| file.display().to_string())
        .unwrap_or_default()
}
