//! The TLS handshake: any certificate is taken and kept, and then judged, so that a bad one is a finding and not an error.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mailvane_model::Time;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Fault, Roots, Way};

/// Most certificates of a chain that are kept.
const CHAIN_LIMIT: usize = 10;

/// Who may sign certificates: the authorities that browsers and mail programs know, and those of the operator.
#[derive(Clone)]
pub struct Trust {
    roots: Roots,
}

impl Default for Trust {
    fn default() -> Self {
        Trust { roots: Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }) }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} authorities", self.roots.len())
    }
}

impl Trust {
    /// Adds the certificates of a PEM file. How many it has; a file without any is an error in words.
    pub fn add_pem(&mut self, pem: &str) -> Result<usize, String> {
        let mut roots = RootCertStore::clone(&self.roots);
        let mut count = 0;
        for block in x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes()) {
            let block = block.map_err(|error| format!("not PEM: {error}"))?;
            if block.label == "CERTIFICATE" {
                roots.add(CertificateDer::from(block.contents)).map_err(|error| format!("not a certificate: {error}"))?;
                count += 1;
            }
        }
        if count == 0 {
            return Err("there is no certificate in it".to_owned());
        }
        self.roots = Arc::new(roots);
        Ok(count)
    }

    /// Does the chain lead to an authority we know? Names are not looked at, and dates only as far as `at` says.
    fn chain(&self, chain: &[CertificateDer<'static>], host: &str, at: Time) -> Result<(), String> {
        let (Some((leaf, rest)), Ok(name)) = (chain.split_first(), server_name(host)) else {
            return Err("the server shows no certificate".to_owned());
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::new(ring::default_provider()))
            .build()
            .map_err(|error| error.to_string())?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.seconds()).unwrap_or_default()));
        match verifier.verify_server_cert(leaf, rest, &name, &[], at) {
            Ok(_) => Ok(()),
            // The name is looked at last: whoever fails there has a good chain. It is judged on its own.
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => {
                Ok(())
            }
            Err(rustls::Error::InvalidCertificate(error)) => Err(words(&error)),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "no authority that mail programs know has signed it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "a certificate of the chain has expired".to_owned(),
        CertificateError::BadEncoding => "a certificate of the chain cannot be read".to_owned(),
        CertificateError::BadSignature => "a signature of the chain is wrong".to_owned(),
        error => error.to_string(),
    }
}

/// What the handshake gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// `TLSv1.3`.
    pub version: String,
    /// The suite.
    pub cipher: String,
    /// The certificates as the server showed them, its own first.
    pub chain: Vec<Vec<u8>>,
    /// Whether an authority stands behind them; the words say why not. Looked at for a time at which the first one is valid.
    pub chained: Result<(), String>,
}

impl Secured {
    /// One line for the transcript.
    pub fn summary(&self) -> String {
        format!("{} with {}, {} certificates", self.version, self.cipher, self.chain.len())
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, Fault> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(address.into()));
    }
    ServerName::try_from(host.to_owned()).map_err(|_| Fault::Tls(format!("`{host}` is no name of a host")))
}

/// Shakes hands over a stream.
pub(super) async fn handshake<Stream>(stream: Stream, host: &str, way: &Way) -> Result<(TlsStream<Stream>, Secured), Fault>
where
    Stream: AsyncRead + AsyncWrite + Unpin,
{
    let provider = Arc::new(ring::default_provider());
    let keeper = Arc::new(Keeper { chain: Mutex::default(), provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&keeper) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = server_name(host)?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| fault(&error))?;
    let chain = std::mem::take(&mut *keeper.chain.lock().unwrap_or_else(PoisonError::into_inner));
    let connection = stream.get_ref().1;
    let version = connection.protocol_version().and_then(|version| version.as_str().map(|text| text.replace('_', ".")));
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let secured = Secured {
        version: version.unwrap_or_default(),
        cipher: cipher.unwrap_or_default().to_owned(),
        chained: way.trust.chain(&chain, host, inside_validity(&chain, way.now)),
        chain: chain.iter().map(|certificate| certificate.to_vec()).collect(),
    };
    Ok((stream, secured))
}

/// The moment nearest to now at which the first certificate is valid: dates have a finding of their own.
fn inside_validity(chain: &[CertificateDer<'static>], now: Time) -> Time {
    let Some(Ok((_, certificate))) = chain.first().map(|leaf| x509_parser::parse_x509_certificate(leaf)) else { return now };
    let (first, last) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    if first < last { Time::from_seconds(now.seconds().clamp(first + 1, last - 1)) } else { now }
}

fn fault(error: &std::io::Error) -> Fault {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => Fault::Tls("what came back is not TLS".to_owned()),
        Some(
            rustls::Error::AlertReceived(rustls::AlertDescription::ProtocolVersion)
            | rustls::Error::PeerIncompatible(rustls::PeerIncompatible::ServerDoesNotSupportTls12Or13),
        ) => Fault::Tls("the server knows neither TLS 1.2 nor 1.3".to_owned()),
        Some(error) => Fault::Tls(error.to_string()),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => Fault::Tls("the server closed the connection".to_owned()),
        None => Fault::Tls(error.to_string()),
    }
}

/// Takes every certificate and keeps the chain. Signatures of the handshake are checked, so that the key is the server's.
#[derive(Debug)]
struct Keeper {
    chain: Mutex<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Keeper {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).take(CHAIN_LIMIT).map(|one| one.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        lenient(verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        lenient(verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Certificates that the library cannot read (version 1, odd extensions) are still seen; only a wrong signature is one.
fn lenient(result: Result<HandshakeSignatureValid, rustls::Error>) -> Result<HandshakeSignatureValid, rustls::Error> {
    match result {
        Err(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => {
            Err(rustls::Error::InvalidCertificate(CertificateError::BadSignature))
        }
        Err(rustls::Error::InvalidCertificate(_)) => Ok(HandshakeSignatureValid::assertion()),
        result => result,
    }
}
