//! TLS: a certificate and a key out of files, read again when they change, so that a renewed certificate needs no restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// The certificate with its chain, PEM.
    pub(crate) certificate: PathBuf,
    /// The private key, PEM.
    pub(crate) key: PathBuf,
}

/// The pair that is served now.
#[derive(Debug)]
struct Served(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// What takes handshakes, with a task that follows the files. Must be called within the runtime.
pub(crate) fn acceptor(files: Files) -> Result<TlsAcceptor> {
    let served = Arc::new(Served(RwLock::new(Arc::new(load(&files)?))));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS has no versions to speak")?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&served) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    tokio::spawn(follow(files, served));
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Reads certificate and key, and sees that they belong together.
pub(crate) fn load(files: &Files) -> Result<CertifiedKey> {
    let path = &files.certificate;
    let read: std::result::Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).with_context(|| format!("cannot read the certificate {}", path.display()))?.collect();
    let chain = read.with_context(|| format!("the certificate {} is not PEM", path.display()))?;
    if chain.is_empty() {
        bail!("there is no certificate in {}", path.display());
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).with_context(|| format!("cannot read the private key {}", files.key.display()))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .with_context(|| format!("the key {} and the certificate {} do not belong together", files.key.display(), path.display()))
}

fn changed(path: &Path) -> Option<(SystemTime, u64)> {
    let told = std::fs::metadata(path).ok()?;
    Some((told.modified().ok()?, told.len()))
}

/// Looks at the files for ever. A pair that cannot be used leaves the one before in place.
async fn follow(files: Files, served: Arc<Served>) {
    let look = |files: &Files| (changed(&files.certificate), changed(&files.key));
    let mut known = look(&files);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let (wanted, before) = (files.clone(), known);
        let looked = tokio::task::spawn_blocking(move || {
            let now = look(&wanted);
            (now, (now != before).then(|| load(&wanted)))
        });
        let Ok((now, read)) = looked.await else { return };
        known = now;
        match read {
            Some(Ok(pair)) => {
                *served.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                tracing::info!(certificate = %files.certificate.display(), "the certificate was read again");
            }
            Some(Err(error)) => tracing::error!("the new certificate is not used: {error:#}"),
            None => {}
        }
    }
}
