//! A web server on 443 that answers every request alike.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Issued;
use super::misconfigured::servers::Page;

type Shown = Option<(Page, Arc<ServerConfig>)>;

/// It ends with the program.
pub(crate) struct Website {
    shown: Arc<Mutex<Shown>>,
}

impl Website {
    /// Listens, with nothing to show yet.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("192.0.2.80:443").unwrap();
        let shown: Arc<Mutex<Shown>> = Arc::default();
        let current = Arc::clone(&shown);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some((page, config)) = current.lock().unwrap().clone() else { continue };
                std::thread::spawn(move || {
                    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                    let mut lines = BufReader::new(&mut stream).lines();
                    // A client that does not like the certificate goes away.
                    while lines.by_ref().next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let length = page.body.len();
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {}\r\n{}content-length: {length}\r\nconnection: close\r\n\r\n{}",
                        page.status, page.headers, page.body
                    );
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                });
            }
        });
        Website { shown }
    }

    /// Shows this from now on.
    pub(crate) fn show(&self, page: Page, issued: &Issued) {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.key.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.certificate.der().clone()], key)
            .unwrap();
        *self.shown.lock().unwrap() = Some((page, Arc::new(config)));
    }
}
