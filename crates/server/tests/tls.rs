//! TLS against the real program: the certificate of the files is served, and a renewed one without a restart.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod site;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use site::{Answer, Site, add_user, folder, log, run};

/// A certificate of a name of ours, signed by its own key.
fn make(folder: &Path, name: &str) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    for (file, text) in [("key.pem", made.signing_key.serialize_pem()), ("certificate.pem", made.cert.pem())] {
        std::fs::write(folder.join("new"), text).unwrap();
        std::fs::rename(folder.join("new"), folder.join(file)).unwrap();
    }
}

/// Asks over TLS, trusting only what is in a file.
fn ask(site: &Site, name: &str, trusted: &Path) -> Result<Answer, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(site.address).unwrap());
    let body = serde_json::json!({"name": "root", "password": site::PASSWORD}).to_string();
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut read = Vec::new();
    // The other end may close without a farewell.
    let _ = stream.read_to_end(&mut read);
    Ok(Answer::of(&read))
}

#[test]
fn a_certificate_is_served_and_a_renewed_one_too() {
    let folder = folder("tls");
    make(&folder, "mailvane.example.com");
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(folder.join("mail.log"), log()).unwrap();
    let config = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", path("certificate.pem"), path("key.pem"));
    std::fs::write(folder.join("mailvane.toml"), config).unwrap();
    add_user(&folder.join("data"), "root", "administrator", &[]);
    let site = Site::serve(&folder, &["--listen", "0.0.0.0:0"]);
    std::fs::copy(folder.join("certificate.pem"), folder.join("first.pem")).unwrap();
    let answer = ask(&site, "mailvane.example.com", &folder.join("first.pem")).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-mailvane_session=") && cookie.contains("; Secure"), "{cookie}");
    assert_eq!(site.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").status, 0, "nothing is told in clear");
    make(&folder, "renewed.example.com");
    site.wait("the renewed certificate", || ask(&site, "renewed.example.com", &folder.join("certificate.pem")).is_ok());
    // Half a pair is not used, and the daemon goes on.
    std::fs::write(folder.join("certificate.pem"), "rubbish").unwrap();
    let bad = run(&["serve", "--check", "--config", &path("mailvane.toml"), &path("mail.log")], "");
    assert_eq!(bad.status.code(), Some(2));
    assert!(String::from_utf8(bad.stderr).unwrap().contains("certificate.pem"));
}
