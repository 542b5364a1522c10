//! How the dashboard is reached: where it listens, by TLS or not, and whether that is safe.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use mailvane_ingest::intake::tls::Pair;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::access::{Access, Settings};
use crate::alerting::board::Board;
use crate::api::{self, tls};
use crate::config::Config;
use crate::live::view::{About, Shared};

/// The way in.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Certificate and key, for TLS.
    pub(crate) tls: Option<Pair>,
    settings: Settings,
    /// Whether a link for the first administrator is printed.
    offers_setup: bool,
}

impl Door {
    /// What the configuration says, checked as far as that goes without opening anything.
    pub(crate) fn read(listen: SocketAddr, config: &Config) -> Result<Self> {
        let files = match (&config.tls.certificate, &config.tls.key) {
            (Some(certificate), Some(key)) => Some(Pair { certificate: certificate.clone(), key: key.clone() }),
            (None, None) => None,
            _ => bail!("[tls] needs both `certificate` and `key`"),
        };
        if let Some(files) = &files {
            files.load().map_err(anyhow::Error::msg)?;
        }
        Ok(Door { listen, tls: files, settings: Settings::read(&config.access)?, offers_setup: true })
    }

    /// For simulated data: open to this machine, without users.
    pub(crate) fn of_demo(listen: SocketAddr) -> Result<Self> {
        if !listen.ip().is_loopback() {
            bail!("refusing to listen on {listen}: the demonstration is for this machine only (127.0.0.1 or [::1]); reach it by `ssh -L`");
        }
        Ok(Door { offers_setup: false, ..Self::read(listen, &Config::default())? })
    }

    /// Opens what is kept of users, and refuses what would let strangers in.
    pub(crate) fn open(&self, folder: &Path) -> Result<Access> {
        let is_loopback = self.listen.ip().is_loopback();
        let access = Access::open(folder, self.settings.clone(), is_loopback)?;
        if !is_loopback && !access.has_administrator()? {
            bail!(
                "refusing to listen on {}: there is no administrator yet, so only loopback is served (127.0.0.1 or [::1])\n  \
                 make one first: `mailvane user add NAME --role administrator --data-dir {}`",
                self.listen,
                folder.display()
            );
        }
        Ok(access)
    }

    /// Listens, with what is kept of users, and tells at which address.
    pub(crate) async fn open_up(&self, folder: &Path) -> Result<(Entrance, String)> {
        let access = Arc::new(self.open(folder)?);
        let tls = self.tls.clone().map(tls::acceptor).transpose()?;
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}: is another mailvane running? Choose another port with --listen", self.listen))?;
        let address = listener.local_addr().context("cannot tell the address it listens on")?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        Ok((Entrance { door: self.clone(), listener, tls, access }, format!("{scheme}://{address}")))
    }
}

/// The way in, open.
pub(crate) struct Entrance {
    door: Door,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    access: Arc<Access>,
}

impl Entrance {
    /// Serves API and dashboard until `stopped` is over.
    pub(crate) async fn serve(self, shared: Arc<Shared>, board: Arc<Board>, stopped: impl Future<Output = ()> + Send + 'static) {
        api::serve(self.listener, self.tls, shared, self.access, board, stopped).await;
    }

    /// What is said on the terminal about who gets in, and how to get there from elsewhere.
    pub(crate) fn first_screen(&self, about: &About) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let (scheme, address) = about.listen.split_once("://").unwrap_or(("http", &about.listen));
        let port = address.rsplit(':').next().unwrap_or("8624");
        let is_loopback = self.door.listen.ip().is_loopback();
        if is_loopback && !about.demo {
            writeln!(out, "from your desk: ssh -L {port}:{address} THIS-HOST, then {scheme}://127.0.0.1:{port}")?;
        }
        if !self.access.has_administrator()? {
            if self.door.offers_setup {
                writeln!(
                    out,
                    "everybody on this machine may look; to have users, open this link once: {}/setup#{}",
                    about.listen,
                    self.access.setup().offer()?
                )?;
            }
        } else if !is_loopback && self.tls.is_none() && self.door.settings.proxies.is_empty() {
            writeln!(
                out,
                "warning: passwords and addresses go over the network in clear: give [tls] a certificate, or put a proxy before it and name it in [access.proxy]"
            )?;
        }
        out.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_not_let_in_unasked() {
        let folder = std::env::temp_dir().join(format!("mailvane-door-{}", std::process::id()));
        for (listen, fine) in [("127.0.0.1:1", true), ("[::1]:1", true), ("0.0.0.0:1", false), ("192.0.2.1:1", false), ("[::]:1", false)] {
            let listen: SocketAddr = listen.parse().expect("an address");
            let door = Door::read(listen, &Config::default()).expect("fine");
            let opened = door.open(&folder);
            assert_eq!(opened.is_ok(), fine, "{listen}");
            assert!(fine || opened.err().is_some_and(|error| error.to_string().contains("mailvane user add")));
            assert_eq!(Door::of_demo(listen).is_ok(), fine, "{listen}");
        }
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn half_a_pair_is_refused() {
        let config = Config::parse("[tls]\nkey = \"/nowhere\"").expect("fine");
        assert!(Door::read("127.0.0.1:1".parse().expect("an address"), &config).is_err());
        let config = Config::parse("[tls]\nkey = \"/nowhere\"\ncertificate = \"/nowhere\"").expect("fine");
        let error = Door::read("127.0.0.1:1".parse().expect("an address"), &config).expect_err("no file");
        assert!(format!("{error:#}").contains("/nowhere"), "{error:#}");
    }
}
