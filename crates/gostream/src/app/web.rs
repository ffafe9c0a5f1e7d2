//! The web ports: bound before anything is mounted, served until the server stops.

use std::sync::Arc;

use gostream_http::{
    ApiParts, FilmLibrary, LiveAccess, Monitor, SettingsControl, TorrentService, WebFigures,
    WebPort, config_routes, guarded, monitor, proxy, router, torrserver,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::descriptors;
use super::profiler::CpuProfiler;
use crate::cli::Failure;
use crate::config::Config;

/// What Jellyfin listens at unless it is told otherwise.
const JELLYFIN_PORT: u16 = 8096;

/// Bound ports.
pub(super) struct WebPorts {
    api: Option<WebPort>,
    proxy: Option<WebPort>,
    monitor: Option<WebPort>,
    access: LiveAccess,
}

impl WebPorts {
    /// Binds those that the settings open, each for as many connections as there are descriptors.
    pub(super) fn bind(config: &Config, access: &LiveAccess) -> Result<Self, Failure> {
        let (engine, settings) = (&config.engine, &config.web);
        let connections = descriptors::per_web_port(engine.connections_max, engine.half_open_max);
        let open = |key, port| {
            let port = bind(key, port, access)?;
            Ok::<_, Failure>(port.map(|port| port.at_most(connections)))
        };
        Ok(Self {
            api: open("api_listen_port", settings.api_port)?,
            proxy: open("proxy_listen_port", settings.proxy_port)?,
            monitor: open("metrics_port", settings.metrics_port)?,
            access: access.clone(),
        })
    }

    /// What a user wants to know of them, a line each.
    pub(super) fn greeting(&self) -> Vec<String> {
        let ports = self.named().into_iter();
        ports
            .map(|(name, port)| format!("{name} port: {}", port.port()))
            .collect()
    }

    /// What each port counts, by its name.
    pub(super) fn figures(&self) -> Vec<(&'static str, Arc<WebFigures>)> {
        let ports = self.named().into_iter();
        ports.map(|(name, port)| (name, port.figures())).collect()
    }

    fn named(&self) -> Vec<(&'static str, &WebPort)> {
        let ports = [
            ("API", &self.api),
            ("proxy", &self.proxy),
            ("metrics", &self.monitor),
        ];
        let open = ports.into_iter();
        open.filter_map(|(name, port)| Some((name, port.as_ref()?)))
            .collect()
    }

    /// Serves the metrics port, from before there is a mount until after it is gone.
    pub(super) fn serve_monitor(
        &mut self,
        shown: Arc<dyn Monitor>,
        settings: Arc<dyn SettingsControl>,
        stop: &CancellationToken,
    ) -> Option<JoinHandle<()>> {
        let port = self.monitor.take()?;
        let profiler = Arc::<CpuProfiler>::default();
        let access = self.access.clone();
        let routes = monitor(shown, profiler, access, config_routes(settings));
        let served = port.serve(routes, stop.clone().cancelled_owned());
        Some(tokio::spawn(served))
    }

    /// Serves the others until `stop`.
    pub(super) fn serve(
        self,
        films: Arc<dyn FilmLibrary>,
        torrents: Arc<dyn TorrentService>,
        versioned: ApiParts,
        stop: &CancellationToken,
    ) -> Vec<JoinHandle<()>> {
        let proxy = self.proxy.map(|port| {
            let served = port.serve(proxy(films), stop.clone().cancelled_owned());
            tokio::spawn(served)
        });
        let access = self.access;
        let api = self.api.map(|port| {
            let number = port.port();
            let settings = versioned.settings.clone();
            let api = guarded(router(versioned), access.clone());
            let api = api.merge(torrserver(torrents, settings, access, number));
            tokio::spawn(port.serve_open(api, stop.clone().cancelled_owned()))
        });
        proxy.into_iter().chain(api).collect()
    }
}

fn bind(key: &str, port: u16, access: &LiveAccess) -> Result<Option<WebPort>, Failure> {
    if port == 0 {
        return Ok(None);
    }
    WebPort::bind(port, access).map(Some).map_err(|error| {
        let jellyfin = if port == JELLYFIN_PORT {
            " (Jellyfin has this port by default)"
        } else {
            ""
        };
        Failure::Failed(format!(
            "cannot listen at port {port}: {error}{jellyfin}; set {key} to another one, or to 0 for none"
        ))
    })
}
