//! Certificates of an authority of the test, one of each kind.

use std::path::Path;

use chrono::{Datelike, TimeDelta, Utc};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData};

use super::misconfigured::servers::Certificate;

/// The authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    key: KeyPair,
    /// SHA-256 of the public key of the good certificate, as a TLSA record `3 1 1` has it.
    pub(crate) pin: Vec<u8>,
}

/// A certificate and its key.
pub(crate) struct Issued {
    /// The certificate.
    pub(crate) certificate: rcgen::Certificate,
    /// Its key, PKCS 8.
    pub(crate) key: Vec<u8>,
    key_pem: String,
}

impl Issued {
    /// Writes both, or nothing; their paths.
    pub(crate) fn write(&self, folder: &Path, is_there: bool) -> [String; 2] {
        let paths = [("server.pem", self.certificate.pem()), ("server.key", self.key_pem.clone())].map(|(name, text)| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        });
        if is_there { paths } else { paths.map(|path| format!("{path}.gone")) }
    }
}

fn day(from_now: i64) -> (i32, u8, u8) {
    let day = Utc::now() + TimeDelta::days(from_now);
    (day.year(), day.month() as u8, day.day() as u8)
}

impl Authority {
    /// Makes it; `ca.pem` in the folder says whom to believe.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Authority of the test");
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let pin = ring::digest::digest(&ring::digest::SHA256, &key.subject_public_key_info()).as_ref().to_vec();
        Authority { issuer, key, pin }
    }

    /// A certificate for these names. The good one keeps its key, the others have keys of their own.
    pub(crate) fn issue(&self, kind: Certificate, names: &[&str]) -> Issued {
        let names = if kind == Certificate::OtherName {
            vec!["other.example.net".to_owned()]
        } else {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Server of the test");
        let (first, last) = match kind {
            Certificate::Expired => (-90, -30),
            Certificate::Early => (30, 365),
            Certificate::Ending => (-85, 6),
            _ => (-30, 335),
        };
        let date = |days| {
            let (year, month, day) = day(days);
            rcgen::date_time_ymd(year, month, day)
        };
        (params.not_before, params.not_after) = (date(first), date(last));
        let other = KeyPair::generate().unwrap();
        let key = if matches!(kind, Certificate::Good | Certificate::Missing) { &self.key } else { &other };
        let certificate = match kind {
            Certificate::OwnSigned => params.self_signed(key),
            _ => params.signed_by(key, &self.issuer),
        };
        Issued { certificate: certificate.unwrap(), key: key.serialize_der(), key_pem: key.serialize_pem() }
    }
}
