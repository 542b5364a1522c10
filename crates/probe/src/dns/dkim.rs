//! The DKIM key of each selector: there, valid, long enough, not revoked, and the one the signer signs with.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::unanswered;
use crate::check::{Check, View};
use crate::finding::{Evidence, Finding, Severity};
use crate::lookup::{Boxed, Kind, Outcome, Reply, name};
use crate::record::dkim::{self, Dkim, Key};

/// Shorter keys are not accepted (RFC 8301 section 3.2).
const SHORTEST: u32 = 1024;
/// Keys from this length on are advised.
const ADVISED: u32 = 2048;
/// Longer keys are not understood everywhere (RFC 8301 section 3.2).
const LONGEST: u32 = 4096;
/// Longest key file that is read.
const FILE_LIMIT: u64 = 64 * 1024;

/// The key of one selector.
pub struct Selector {
    /// The domain that signs (`d=`).
    pub domain: String,
    /// The selector (`s=`).
    pub selector: String,
    /// Where the selector was learned.
    pub learned: String,
    /// The signer's private key, to compare with what is published.
    pub signing_key: Option<PathBuf>,
    subject: String,
}

impl Selector {
    /// The check of one selector.
    pub fn new(domain: &str, selector: &str, learned: &str, signing_key: Option<PathBuf>) -> Self {
        let subject = name::canonical(&format!("{selector}._domainkey.{domain}"));
        Selector { domain: domain.to_owned(), selector: selector.to_owned(), learned: learned.to_owned(), signing_key, subject }
    }

    async fn look(&self, view: &View) -> Vec<Finding> {
        let reply = view.resolver.ask(&self.subject, Kind::Txt).await;
        match &reply.outcome {
            Outcome::Found(_) => {}
            outcome if outcome.is_void() => return vec![self.missing(&reply)],
            _ => return vec![unanswered("dkim.key", &self.subject, &reply)],
        }
        let texts = reply.texts();
        let [text] = texts.as_slice() else { return vec![self.several(texts.len(), &reply)] };
        let read = dkim::read(text);
        let Some(dkim) = read.value else { return vec![self.broken(&read.faults, &reply)] };
        if dkim.key.is_none() {
            return vec![self.revoked(&reply)];
        }
        let mut findings = vec![self.strength(&dkim, &reply)];
        if !read.faults.is_empty() {
            findings.push(self.faulty(&read.faults, &reply));
        }
        findings.extend(self.flags(&dkim, &reply));
        if let Some(path) = &self.signing_key {
            findings.push(self.compared(path, &dkim, view).await.from_reply(&reply));
        }
        findings
    }

    fn missing(&self, reply: &Reply) -> Finding {
        Finding::problem("dkim.key", &self.subject, Severity::Critical, format!("No DKIM key for the selector {}", self.selector))
            .means(format!(
                "Signatures made with it cannot be verified: to receivers the mail is unsigned. The selector is {}.",
                self.learned
            ))
            .fix(format!("Publish the signer's public key as TXT record at {}.", self.subject))
            .from_reply(reply)
    }

    fn several(&self, count: usize, reply: &Reply) -> Finding {
        Finding::problem("dkim.key", &self.subject, Severity::High, format!("{count} TXT records for one selector"))
            .means("RFC 6376 section 3.6.2.2: what a verifier makes of it is undefined.")
            .fix("Leave the one with the key; a long key belongs into one record of several strings.")
            .from_reply(reply)
    }

    fn broken(&self, faults: &[String], reply: &Reply) -> Finding {
        Finding::problem("dkim.key", &self.subject, Severity::Critical, format!("The DKIM key cannot be read: {}", faults.join("; ")))
            .means("No signature made with this selector verifies.")
            .fix("Publish the record again as the signer's tool printed it, all strings of it.")
            .from_reply(reply)
    }

    fn faulty(&self, faults: &[String], reply: &Reply) -> Finding {
        Finding::warning("dkim.form", &self.subject, Severity::High, format!("The DKIM record has faults: {}", faults.join("; ")))
            .means("Strict verifiers refuse it.")
            .fix("Mend the tags named.")
            .from_reply(reply)
    }

    fn revoked(&self, reply: &Reply) -> Finding {
        Finding::problem(
            "dkim.key",
            &self.subject,
            Severity::Critical,
            format!("The key of the selector {} is revoked (`p=`)", self.selector),
        )
        .means(format!("Every signature made with it fails. The selector is {}.", self.learned))
        .fix("Sign with another selector, or publish the key again.")
        .from_reply(reply)
    }

    fn strength(&self, dkim: &Dkim, reply: &Reply) -> Finding {
        let key = match dkim.key {
            Some(Key::Rsa(bits)) => format!("RSA {bits}"),
            _ => "Ed25519".to_owned(),
        };
        let finding = match dkim.key {
            Some(Key::Rsa(bits)) if bits < SHORTEST => Finding::problem(
                "dkim.key",
                &self.subject,
                Severity::Critical,
                format!("The key has {bits} bits; verifiers refuse fewer than {SHORTEST}"),
            )
            .means("RFC 8301: signatures with it count as failed.")
            .fix("Make a key of 2048 bits under a new selector and sign with that."),
            Some(Key::Rsa(bits)) if bits < ADVISED => {
                Finding::warning("dkim.key", &self.subject, Severity::Medium, format!("The key has {bits} bits; {ADVISED} are advised"))
                    .means("It still works. RFC 8301 asks signers for 2048.")
                    .fix("Make a key of 2048 bits under a new selector and sign with that.")
            }
            Some(Key::Rsa(bits)) if bits > LONGEST => Finding::warning(
                "dkim.key",
                &self.subject,
                Severity::Low,
                format!("The key has {bits} bits; some verifiers stop at {LONGEST}"),
            )
            .fix("2048 bits are enough."),
            Some(Key::Ed25519) => {
                Finding::warning("dkim.key", &self.subject, Severity::Medium, "An Ed25519 key: many receivers cannot verify it")
                    .means("RFC 8463: sign with RSA as well, or this mail is unsigned to them.")
                    .fix("Sign twice, with an RSA selector beside this one.")
            }
            _ => Finding::ok("dkim.key", &self.subject, format!("{key} key for the selector {}", self.selector)),
        };
        let digest = ring::digest::digest(&ring::digest::SHA256, &dkim.bytes);
        finding.value([key, format!("sha256:{}", STANDARD.encode(digest.as_ref()))]).from_reply(reply)
    }

    fn flags(&self, dkim: &Dkim, reply: &Reply) -> Vec<Finding> {
        let mut findings = Vec::new();
        if dkim.testing {
            findings.push(
                Finding::warning("dkim.testing", &self.subject, Severity::Medium, "The key is in test mode (`t=y`)")
                    .means("Verifiers treat mail signed with it like unsigned mail.")
                    .fix("Remove `t=y` from the record.")
                    .from_reply(reply),
            );
        }
        if !dkim.is_for_mail() {
            findings.push(
                Finding::problem("dkim.service", &self.subject, Severity::High, "The key is not for mail (`s`)")
                    .fix("Remove the tag `s`.")
                    .from_reply(reply),
            );
        }
        findings
    }

    /// The public half of the signer's key against what is published.
    async fn compared(&self, path: &std::path::Path, dkim: &Dkim, view: &View) -> Finding {
        let shown = path.display().to_string();
        let public = match read_key(path).await {
            Ok(public) => public,
            Err(why) => return Finding::unknown("dkim.match", &self.subject, format!("The signing key {shown} could not be read: {why}")),
        };
        let evidence = Evidence::new("public half of the signing key", STANDARD.encode(&public), shown.clone(), view.now);
        if same_key(&dkim.bytes, &public) {
            Finding::ok("dkim.match", &self.subject, "The published key is the one of the signer").with(evidence)
        } else {
            Finding::problem("dkim.match", &self.subject, Severity::Critical, format!("The published key is not the one in {shown}"))
                .means("Every signature fails.")
                .fix("Publish the public half of the signer's key, or let the signer use the key that is published.")
                .with(evidence)
        }
    }
}

/// The public key of a private key in a PEM file: for RSA the RSAPublicKey, for Ed25519 its 32 bytes.
async fn read_key(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let size = tokio::fs::metadata(path).await.map_err(|error| error.to_string())?.len();
    if size > FILE_LIMIT {
        return Err(format!("{size} bytes are too many for a key"));
    }
    let text = tokio::fs::read_to_string(path).await.map_err(|error| error.to_string())?;
    public_half(&text)
}

fn public_half(pem: &str) -> Result<Vec<u8>, String> {
    use ring::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
    let (label, body) = pem_block(pem).ok_or("no PEM block of a private key in it")?;
    let rejected = |error: ring::error::KeyRejected| format!("not a usable key ({error})");
    match label {
        "RSA PRIVATE KEY" => Ok(RsaKeyPair::from_der(&body).map_err(rejected)?.public_key().as_ref().to_vec()),
        "PRIVATE KEY" => match RsaKeyPair::from_pkcs8(&body) {
            Ok(key) => Ok(key.public_key().as_ref().to_vec()),
            Err(_) => Ok(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&body).map_err(rejected)?.public_key().as_ref().to_vec()),
        },
        other => Err(format!("a block `{other}` is no private key")),
    }
}

/// The first block of a PEM file: its label and bytes.
fn pem_block(pem: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let compact: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
    Some((label, STANDARD.decode(compact).ok()?))
}

/// Is `published` the key `own`: the same bytes, or a SubjectPublicKeyInfo that ends in them (the key is its last element)?
fn same_key(published: &[u8], own: &[u8]) -> bool {
    !own.is_empty() && published.ends_with(own)
}

impl Check for Selector {
    fn name(&self) -> &'static str {
        "dkim"
    }

    fn subject(&self) -> &str {
        &self.subject
    }

    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
        Box::pin(self.look(view))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::{bad, findings, state};
    use crate::finding::State;
    use crate::lookup::scripted::Scripted;
    use crate::record::dkim::tests::made;

    fn look(record: &str, key: Option<PathBuf>) -> Vec<Finding> {
        let server = Scripted::new(1).txt("s1._domainkey.example.com", record);
        findings(&server, &Selector::new("example.com", "s1", "given", key))
    }

    #[test]
    fn a_good_key() {
        let found = look(&format!("v=DKIM1; k=rsa; p={}", made(2048)), None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].state, State::Ok);
        assert!(found[0].value[1].starts_with("sha256:"));
    }

    #[test]
    fn each_fault_is_found() {
        for (record, rule, expected) in [
            ("v=DKIM1; p=".to_owned(), "dkim.key", State::Problem),
            ("v=DKIM1; p=AAAA".to_owned(), "dkim.key", State::Problem),
            (format!("v=DKIM1; p={}", made(512)), "dkim.key", State::Problem),
            (format!("v=DKIM1; p={}", made(1024)), "dkim.key", State::Warning),
            (format!("v=DKIM1; p={}", made(8192)), "dkim.key", State::Warning),
            (format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode([1; 32])), "dkim.key", State::Warning),
            (format!("v=DKIM1; t=y; p={}", made(2048)), "dkim.testing", State::Warning),
            (format!("v=DKIM1; s=tlsrpt; p={}", made(2048)), "dkim.service", State::Problem),
            (format!("v=DKIM1; h=sha1; p={}", made(2048)), "dkim.form", State::Warning),
        ] {
            assert_eq!(state(&look(&record, None), rule), Some(expected), "{record}");
        }
        assert_eq!(bad(&findings(&Scripted::new(1), &Selector::new("example.com", "s1", "given", None))), ["dkim.key"]);
        let two = Scripted::new(1).txt("s1._domainkey.example.com", "v=DKIM1; p=").txt("s1._domainkey.example.com", "x");
        assert_eq!(bad(&findings(&two, &Selector::new("example.com", "s1", "given", None))), ["dkim.key"]);
    }

    #[test]
    fn silence_is_unknown() {
        let server = Scripted::new(1).fail("s1._domainkey.example.com", Kind::Txt, Outcome::Timeout);
        assert_eq!(findings(&server, &Selector::new("example.com", "s1", "given", None))[0].state, State::Unknown);
    }

    #[test]
    fn the_published_key_is_compared_with_the_signers() {
        use ring::signature::KeyPair;
        let random = ring::rand::SystemRandom::new();
        let own = ring::signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let public = ring::signature::Ed25519KeyPair::from_pkcs8(own.as_ref()).unwrap().public_key().as_ref().to_vec();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s1.private");
        std::fs::write(&path, format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(own.as_ref())))
            .unwrap();
        let record = |key: &[u8]| format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(key));
        assert_eq!(state(&look(&record(&public), Some(path.clone())), "dkim.match"), Some(State::Ok));
        assert_eq!(state(&look(&record(&[9; 32]), Some(path.clone())), "dkim.match"), Some(State::Problem));
        assert_eq!(state(&look(&record(&public), Some(folder.path().join("none"))), "dkim.match"), Some(State::Unknown));
        std::fs::write(&path, "no key").unwrap();
        assert_eq!(state(&look(&record(&public), Some(path)), "dkim.match"), Some(State::Unknown));
    }
}
