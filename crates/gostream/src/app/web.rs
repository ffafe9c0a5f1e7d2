//! The web ports: bound before anything is mounted, served until the server stops.

use std::sync::Arc;

use gostream_http::{Access, FilmLibrary, WebPort, proxy};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::Failure;
use crate::config::WebSettings;

/// Bound ports.
pub(super) struct WebPorts {
    proxy: Option<WebPort>,
}

impl WebPorts {
    /// Binds those that the settings open.
    pub(super) fn bind(settings: &WebSettings) -> Result<Self, Failure> {
        check_login(&settings.access)?;
        let proxy = bind("proxy_listen_port", settings.proxy_port, &settings.access)?;
        Ok(Self { proxy })
    }

    /// What a user wants to know of them, a line each.
    pub(super) fn greeting(&self) -> Vec<String> {
        let port = self.proxy.as_ref().and_then(|proxy| proxy.port().ok());
        port.map(|port| format!("proxy port: {port}"))
            .into_iter()
            .collect()
    }

    /// Serves them until `stop`.
    pub(super) fn serve(
        self,
        films: Arc<dyn FilmLibrary>,
        stop: &CancellationToken,
    ) -> Vec<JoinHandle<()>> {
        let proxy = self.proxy.map(|port| {
            let served = port.serve(proxy(films), stop.clone().cancelled_owned());
            tokio::spawn(served)
        });
        proxy.into_iter().collect()
    }
}

/// A name without a password, or the other way, is a mistake that would leave the ports open or closed for all.
fn check_login(access: &Access) -> Result<(), Failure> {
    let missing = match (
        access.login.user.is_empty(),
        access.login.password.is_empty(),
    ) {
        (true, false) => "web_password is set, but web_user is not",
        (false, true) => "web_user is set, but web_password is not",
        (true, true) | (false, false) => return Ok(()),
    };
    Err(Failure::BadInput(missing.to_owned()))
}

fn bind(key: &str, port: u16, access: &Access) -> Result<Option<WebPort>, Failure> {
    if port == 0 {
        return Ok(None);
    }
    WebPort::bind(port, access.clone())
        .map(Some)
        .map_err(|error| {
            Failure::Failed(format!(
                "cannot listen at port {port}: {error}; set {key} to another one, or to 0 for none"
            ))
        })
}
