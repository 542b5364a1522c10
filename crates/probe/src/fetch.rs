//! Files over HTTPS, as a sender of mail fetches them: certificate checked, no redirects, a limit of size and time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::lookup::Boxed;

/// How long one file may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// Content-Type, empty when there is none.
    pub content_type: String,
    /// The first bytes, up to the limit.
    pub body: Vec<u8>,
    /// There were more bytes than the limit.
    pub cut: bool,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The operator asked for DNS only.
    #[error("not fetched: only DNS was asked for")]
    Offline,
    /// The certificate does not hold: a fact about the server.
    #[error("the certificate does not hold: {0}")]
    Certificate(String),
    /// No answer in time.
    #[error("no answer within {} s", TIME_LIMIT.as_secs())]
    Timeout,
    /// The way there, or the talk with the server, failed.
    #[error("not fetched: {0}")]
    Failed(String),
}

/// Something that fetches `https://host/path`, from these addresses of the host.
pub trait Fetch: Send + Sync {
    /// Fetches at most `limit` bytes of one file.
    fn get<'a>(&'a self, host: &'a str, path: &'a str, addresses: &'a [IpAddr], limit: usize) -> Boxed<'a, Result<Fetched, FetchError>>;
}

/// Fetches nothing.
pub struct Offline;

impl Fetch for Offline {
    fn get<'a>(&'a self, _: &'a str, _: &'a str, _: &'a [IpAddr], _: usize) -> Boxed<'a, Result<Fetched, FetchError>> {
        Box::pin(std::future::ready(Err(FetchError::Offline)))
    }
}

/// Fetches over the network.
#[derive(Clone, Debug, Default)]
pub struct Https {
    authorities: Vec<reqwest::Certificate>,
}

impl Https {
    /// Believes also the authorities of a PEM file.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn add_pem(&mut self, pem: &str) -> Result<(), String> {
        let read = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| error.to_string())?;
        self.authorities.extend(read);
        Ok(())
    }

    async fn fetch(&self, host: &str, path: &str, addresses: &[IpAddr], limit: usize) -> Result<Fetched, FetchError> {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|address| SocketAddr::new(*address, 443)).collect();
        let client = self.authorities.iter().fold(reqwest::Client::builder(), |client, one| client.add_root_certificate(one.clone()));
        let client = client
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .no_proxy()
            .timeout(TIME_LIMIT)
            .user_agent(concat!("mailvane/", env!("CARGO_PKG_VERSION")))
            .resolve_to_addrs(host, &addresses)
            .build()
            .map_err(|error| failure(&error))?;
        let mut response = client.get(format!("https://{host}{path}")).send().await.map_err(|error| failure(&error))?;
        let mut fetched =
            Fetched { status: response.status().as_u16(), content_type: content_type(&response), body: Vec::new(), cut: false };
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            let room = limit - fetched.body.len();
            fetched.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                fetched.cut = true;
                break;
            }
        }
        Ok(fetched)
    }
}

fn content_type(response: &reqwest::Response) -> String {
    let header = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    header.unwrap_or_default().to_owned()
}

fn failure(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::Timeout;
    }
    // The cause that matters is the innermost.
    let mut text = error.to_string();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(cause) = source {
        text = cause.to_string();
        if text.contains("certificate") {
            return FetchError::Certificate(text);
        }
        source = cause.source();
    }
    FetchError::Failed(text)
}

impl Fetch for Https {
    fn get<'a>(&'a self, host: &'a str, path: &'a str, addresses: &'a [IpAddr], limit: usize) -> Boxed<'a, Result<Fetched, FetchError>> {
        Box::pin(self.fetch(host, path, addresses, limit))
    }
}
