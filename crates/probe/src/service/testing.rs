//! Servers of tests on loopback: certificates of an authority of the test, and a conversation by lines that each test writes down.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Encryption, Service};
use crate::check::{Check, Panel, View};
use crate::finding::{Finding, State};
use crate::lookup::Resolver;
use crate::lookup::scripted::{NOW, Scripted, block_on};
use crate::talk::tls::Trust;

/// The host that the servers of tests are.
pub(crate) const HOST: &str = "mail.example.com";

/// What a certificate is like.
#[derive(Clone)]
pub(crate) struct Certificate {
    /// The names it is for.
    pub(crate) names: Vec<String>,
    /// Its last day.
    pub(crate) until: (i32, u8, u8),
    /// Its first day.
    pub(crate) from: (i32, u8, u8),
    /// Signed by itself, not by the authority.
    pub(crate) own: bool,
    /// Signed by an authority in between, whose certificate is not shown.
    pub(crate) incomplete: bool,
}

impl Default for Certificate {
    fn default() -> Self {
        Certificate { names: vec![HOST.to_owned()], until: (2027, 3, 1), from: (2026, 1, 1), own: false, incomplete: false }
    }
}

/// Makes it: what a server shows, and who is to be trusted.
pub(crate) fn issue(of: &Certificate) -> (Arc<ServerConfig>, Trust) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "Test Authority");
    let root = authority.self_signed(&authority_key).unwrap();
    let authority = Issuer::new(authority, authority_key);
    let mut between = CertificateParams::new(Vec::new()).unwrap();
    between.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    between.distinguished_name.push(DnType::CommonName, "Test Authority Between");
    let between = Issuer::new(between, KeyPair::generate().unwrap());
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(of.names.clone()).unwrap();
    leaf.distinguished_name.push(DnType::CommonName, "Test Server");
    (leaf.not_before, leaf.not_after) = (date_time_ymd(of.from.0, of.from.1, of.from.2), date_time_ymd(of.until.0, of.until.1, of.until.2));
    let leaf = match (of.own, of.incomplete) {
        (true, _) => leaf.self_signed(&key),
        (_, true) => leaf.signed_by(&key, &between),
        _ => leaf.signed_by(&key, &authority),
    };
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.unwrap().der().clone()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
        .unwrap();
    let mut trust = Trust::default();
    trust.add_pem(&root.pem()).unwrap();
    (Arc::new(config), trust)
}

/// What a server does with a line.
pub(crate) enum Act {
    /// Answers.
    Say(String),
    /// Answers, and begins TLS. What came before it is dropped.
    Encrypt(String),
    /// The same, and what came before it is carried out within TLS.
    EncryptAndKeep(String),
    /// Answers, and hangs up.
    End(String),
    /// Says nothing ever again.
    Freeze,
}

/// A server: what it does with each line, given whether TLS is on. The greeting is the answer to an empty line.
pub(crate) type Script = dyn Fn(&str, bool) -> Act + Send + Sync;

/// Serves every connection by a script; the port.
pub(crate) async fn serve(config: Arc<ServerConfig>, immediate: bool, script: Arc<Script>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (config, script) = (Arc::clone(&config), Arc::clone(&script));
            tokio::spawn(async move {
                let acceptor = TlsAcceptor::from(config);
                if immediate {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(BufReader::new(stream), script.as_ref(), true, vec![String::new()]).await;
                    }
                } else if let Some((stream, kept)) = converse(BufReader::new(stream), script.as_ref(), false, vec![String::new()]).await
                    && let Ok(stream) = acceptor.accept(stream.into_inner()).await
                {
                    converse(BufReader::new(stream), script.as_ref(), true, kept).await;
                }
            });
        }
    });
    port
}

/// One conversation, with lines that are there before any is read; gives the stream back when TLS is to begin, with what to keep.
async fn converse<Stream>(
    mut stream: BufReader<Stream>,
    script: &Script,
    secure: bool,
    mut first: Vec<String>,
) -> Option<(BufReader<Stream>, Vec<String>)>
where
    Stream: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let mut line = String::new();
        if first.is_empty() {
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
        } else {
            line = first.remove(0);
        }
        let act = script(line.trim_end(), secure);
        let keep = matches!(act, Act::EncryptAndKeep(_));
        let (text, end) = match act {
            Act::Say(text) => (text, false),
            Act::Encrypt(text) | Act::EncryptAndKeep(text) => {
                stream.write_all(text.as_bytes()).await.ok()?;
                stream.flush().await.ok()?;
                let kept = if keep { String::from_utf8_lossy(stream.buffer()).lines().map(str::to_owned).collect() } else { Vec::new() };
                return Some((stream, kept));
            }
            Act::End(text) => (text, true),
            Act::Freeze => {
                std::future::pending::<()>().await;
                return None;
            }
        };
        stream.write_all(text.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        if end {
            return None;
        }
    }
}

/// What a check of a server finds: the server runs by `script`, and `make` makes the check of its service.
pub(crate) fn probed(
    certificate: &Certificate,
    encryption: Encryption,
    script: Arc<Script>,
    make: impl FnOnce(Service) -> Box<dyn Check>,
) -> Vec<Finding> {
    block_on(async {
        let (config, trust) = issue(certificate);
        let port = serve(config, encryption == Encryption::Immediate, script).await;
        let mut service = Service::new(HOST, port, encryption);
        service.addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        service.trust = trust;
        service.step = std::time::Duration::from_millis(800);
        service.thorough = true;
        let check = make(service);
        let view = View::new(Resolver::new(vec![Arc::new(Scripted::new(1))]), NOW);
        Panel::new(view, None, false).run(check.as_ref()).await
    })
}

/// The rules that are broken or hurt, sorted, each once.
pub(crate) fn bad(findings: &[Finding]) -> Vec<&str> {
    let mut bad: Vec<&str> = findings.iter().filter(|finding| finding.state.is_bad()).map(|finding| finding.check.as_str()).collect();
    bad.sort_unstable();
    bad.dedup();
    bad
}

/// The state of one rule.
pub(crate) fn state(findings: &[Finding], rule: &str) -> Option<State> {
    findings.iter().find(|finding| finding.check == rule).map(|finding| finding.state)
}
