//! A real web server (Debian's nginx-light) that shows a directory, for web seeds.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::{free_port, wait};

const START: Duration = Duration::from_secs(30);

/// A server that runs; it ends when it is dropped.
pub(crate) struct Nginx {
    address: SocketAddr,
    _process: Process,
    directory: TempDir,
}

impl Nginx {
    /// Shows `root` under `/`, without ranges under `/norange/`, and answers 503 under `/fail/`.
    pub(crate) fn start(root: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("nginx").tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let own = directory.path().display();
        let root = root.display();
        // Its workers would be another user, who cannot enter the directory.
        let config = format!(
            "daemon off; master_process off; pid {own}/pid; error_log stderr; events {{}}
             http {{
               default_type application/octet-stream; access_log {own}/access;
               log_format bytes '$request_uri $status $body_bytes_sent';
               access_log {own}/access bytes;
               client_body_temp_path {own}/a; proxy_temp_path {own}/b; fastcgi_temp_path {own}/c;
               uwsgi_temp_path {own}/d; scgi_temp_path {own}/e;
               server {{
                 listen {address};
                 root '{root}';
                 location /norange/ {{ alias '{root}/'; max_ranges 0; }}
                 location /slow/ {{ alias '{root}/'; limit_rate 3m; }}
                 location /fail/ {{ return 503; }}
               }}
             }}"
        );
        let path = directory.path().join("nginx.conf");
        fs::write(&path, config).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(directory.path()).arg("-c").arg(&path);
        let mut process = Process::start("nginx (apt-get install nginx-light)", &mut command);
        wait::until("nginx listens", START, || {
            assert!(!process.ended(), "nginx ended\n{}", process.errors());
            TcpStream::connect(address).ok()
        });
        Self {
            address,
            _process: process,
            directory,
        }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// What was asked for: lines of URI, status and bytes of the body.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("access")).unwrap_or_default()
    }
}
