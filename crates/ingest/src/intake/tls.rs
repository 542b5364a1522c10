//! TLS for listeners: a certificate and a key out of files, read again when they change, so that a renewed certificate needs no restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Certificate with its chain and key, PEM files, for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// When a file was changed, and its length: another file has others.
type Stamp = Option<(SystemTime, u64)>;

impl Pair {
    /// Reads both, and sees that they belong together. The error is a sentence for people.
    pub fn load(&self) -> Result<CertifiedKey, String> {
        let path = self.certificate.display();
        let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&self.certificate)
            .map_err(|error| format!("cannot read the certificate {path}: {error}"))?
            .collect();
        let chain = read.map_err(|error| format!("the certificate {path} is not PEM: {error}"))?;
        if chain.is_empty() {
            return Err(format!("there is no certificate in {path}"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| format!("cannot read the private key {}: {error}", self.key.display()))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| format!("the key {} and the certificate {path} do not belong together: {error}", self.key.display()))
    }

    fn stamps(&self) -> [Stamp; 2] {
        [stamp(&self.certificate), stamp(&self.key)]
    }
}

fn stamp(path: &Path) -> Stamp {
    let told = std::fs::metadata(path).ok()?;
    Some((told.modified().ok()?, told.len()))
}

/// A pair as it is served now.
#[derive(Debug)]
pub struct Served {
    pair: Pair,
    key: RwLock<Arc<CertifiedKey>>,
    known: Mutex<[Stamp; 2]>,
}

impl Served {
    /// Reads the pair for the first time.
    pub fn open(pair: Pair) -> Result<Arc<Self>, String> {
        // Stamps first: what changes in between is read again.
        let known = Mutex::new(pair.stamps());
        let key = RwLock::new(Arc::new(pair.load()?));
        Ok(Arc::new(Served { pair, key, known }))
    }

    /// The files.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Looks at the files, and reads them again where they changed: whether a new pair is served. One that cannot be used leaves the one
    /// before in place; that is told once for each change.
    pub fn refresh(&self) -> Result<bool, String> {
        let now = self.pair.stamps();
        if std::mem::replace(&mut *self.known.lock().unwrap_or_else(PoisonError::into_inner), now) == now {
            return Ok(false);
        }
        let read = Arc::new(self.pair.load()?);
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(true)
    }

    /// What sessions of a server are made from: TLS 1.2 and 1.3, no certificates of clients.
    pub fn config(self: &Arc<Self>) -> Result<ServerConfig, String> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS has no versions to speak: {error}"))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        Ok(config)
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A pair of files, and its certificate.
    pub(crate) fn make(folder: &Path, names: &[&str]) -> (Pair, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        let pair = Pair { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        std::fs::write(&pair.key, made.signing_key.serialize_pem()).unwrap();
        std::fs::write(&pair.certificate, made.cert.pem()).unwrap();
        (pair, made.cert.der().clone())
    }

    #[test]
    fn a_changed_pair_is_read_again_and_a_bad_one_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (pair, first) = make(folder.path(), &["localhost"]);
        let served = Served::open(pair.clone()).unwrap();
        let now = || served.key.read().unwrap().cert[0].clone();
        assert_eq!((served.refresh(), now()), (Ok(false), first.clone()));
        std::fs::write(&pair.certificate, "nothing of the kind").unwrap();
        assert!(served.refresh().unwrap_err().contains("cert.pem"));
        assert_eq!((served.refresh(), now()), (Ok(false), first));
        let (_, second) = make(folder.path(), &["localhost", "a.example.com"]);
        assert_eq!((served.refresh(), now()), (Ok(true), second));
    }

    #[test]
    fn a_pair_that_does_not_match_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (pair, _) = make(folder.path(), &["localhost"]);
        let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&pair.key, other.signing_key.serialize_pem()).unwrap();
        assert!(Served::open(pair).unwrap_err().contains("do not belong together"));
    }
}
