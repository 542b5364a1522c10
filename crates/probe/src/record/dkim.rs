//! DKIM key records (RFC 6376 section 3.6.1, RFC 8301, RFC 8463).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Read;
use super::tags::Tags;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// RSA with a modulus of this many bits.
    Rsa(u32),
    /// Ed25519 (RFC 8463).
    Ed25519,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dkim {
    /// The key; `None` when it is revoked (`p=`).
    pub key: Option<Key>,
    /// The bytes of `p`, to compare with the signer's key.
    pub bytes: Vec<u8>,
    /// `t=y`: verifiers treat signed mail like unsigned mail.
    pub testing: bool,
    /// `t=s`: the signer's `i=` may not be a subdomain.
    pub same_domain: bool,
    /// `h`: hash algorithms that are allowed; empty means all.
    pub hashes: Vec<String>,
    /// `s`: services it is for; empty means all.
    pub services: Vec<String>,
}

impl Dkim {
    /// May it be used for mail?
    pub fn is_for_mail(&self) -> bool {
        self.services.is_empty() || self.services.iter().any(|service| service == "*" || service == "email")
    }

    /// Is sha256 allowed? (RFC 8301: sha1 is not.)
    pub fn allows_sha256(&self) -> bool {
        self.hashes.is_empty() || self.hashes.iter().any(|hash| hash == "sha256")
    }
}

const KNOWN: &[&str] = &["v", "g", "h", "k", "n", "p", "s", "t"];

/// Reads the TXT record at `<selector>._domainkey`.
pub fn read(text: &str) -> Read<Dkim> {
    if crate::spf::is_record(text) {
        return Read::useless("an SPF record where a DKIM key should be");
    }
    let tags = Tags::read(text);
    let mut faults = tags.faults.clone();
    let mut notes: Vec<String> = tags.unknown(KNOWN).map(|tag| format!("`{tag}` is no tag of a DKIM key and is ignored")).collect();
    match (tags.get("v"), tags.list.first()) {
        (Some("DKIM1"), Some((first, _))) if first == "v" => {}
        (Some("DKIM1"), _) => faults.push("`v=DKIM1` has to stand first".to_owned()),
        (Some(other), _) => return Read::useless(format!("`v={other}` is not `DKIM1`")),
        (None, _) => notes.push("no `v=DKIM1`".to_owned()),
    }
    let Some(text) = tags.get("p") else {
        faults.push("no `p`: there is no key in it".to_owned());
        return Read { value: None, faults, notes };
    };
    let list = |tag: &str| -> Vec<String> {
        tags.get(tag).map(|text| text.split(':').map(|part| part.trim().to_ascii_lowercase()).collect()).unwrap_or_default()
    };
    let flags = list("t");
    let mut dkim = Dkim {
        key: None,
        bytes: Vec::new(),
        testing: flags.iter().any(|flag| flag == "y"),
        same_domain: flags.iter().any(|flag| flag == "s"),
        hashes: list("h"),
        services: list("s"),
    };
    if !text.is_empty() {
        match key(text, tags.get("k").unwrap_or("rsa")) {
            Ok((key, bytes)) => (dkim.key, dkim.bytes) = (Some(key), bytes),
            Err(fault) => {
                faults.push(fault);
                return Read { value: None, faults, notes };
            }
        }
    }
    if !dkim.allows_sha256() {
        faults.push("`h` leaves out sha256, and sha1 is forbidden (RFC 8301)".to_owned());
    }
    Read { value: Some(dkim), faults, notes }
}

fn key(text: &str, kind: &str) -> Result<(Key, Vec<u8>), String> {
    let compact: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(&compact).map_err(|_| "`p` is not base64: is a part of the key missing?".to_owned())?;
    match kind.to_ascii_lowercase().as_str() {
        "ed25519" if bytes.len() == 32 => Ok((Key::Ed25519, bytes)),
        "ed25519" => Err(format!("an Ed25519 key has 32 bytes, not {}", bytes.len())),
        "rsa" => {
            let bits = rsa_bits(&bytes).ok_or("`p` holds no RSA key: is a part of it missing?")?;
            Ok((Key::Rsa(bits), bytes))
        }
        other => Err(format!("`k={other}` is no kind of key that verifiers know")),
    }
}

/// The length of the modulus in a SubjectPublicKeyInfo or, as some publish it, a bare RSAPublicKey (RFC 8017 appendix A.1.1).
fn rsa_bits(bytes: &[u8]) -> Option<u32> {
    let (0x30, outer, rest) = element(bytes)? else { return None };
    if !rest.is_empty() {
        return None;
    }
    let (first_tag, first, after) = element(outer)?;
    let key = match first_tag {
        // RSAPublicKey: the modulus comes at once.
        0x02 => return modulus_bits(first, after),
        // SubjectPublicKeyInfo: the algorithm, then the key in a bit string.
        0x30 => {
            let (0x03, bits, _) = element(after)? else { return None };
            bits.strip_prefix(&[0])?
        }
        _ => return None,
    };
    let (0x30, inner, _) = element(key)? else { return None };
    let (0x02, modulus, after) = element(inner)? else { return None };
    modulus_bits(modulus, after)
}

fn modulus_bits(modulus: &[u8], after: &[u8]) -> Option<u32> {
    // An exponent has to follow.
    let (0x02, exponent, _) = element(after)? else { return None };
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let first = *modulus.first()?;
    (!exponent.is_empty()).then(|| modulus.len() as u32 * 8 - first.leading_zeros())
}

/// One DER element: tag, content, and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        (rest[..count].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), &rest[count..])
    };
    (rest.len() >= length).then(|| (*tag, &rest[..length], &rest[length..]))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A SubjectPublicKeyInfo around a modulus of so many bits (no real key).
    pub(crate) fn made(bits: usize) -> String {
        let wrap = |tag: u8, content: Vec<u8>| -> Vec<u8> {
            let length = content.len();
            let head = if length < 0x80 { vec![tag, length as u8] } else { vec![tag, 0x82, (length >> 8) as u8, length as u8] };
            [head, content].concat()
        };
        let mut modulus = vec![0xa5; bits / 8];
        modulus.insert(0, 0);
        let key = wrap(0x30, [wrap(2, modulus), wrap(2, vec![1, 0, 1])].concat());
        let algorithm = wrap(0x30, vec![6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0]);
        STANDARD.encode(wrap(0x30, [algorithm, wrap(3, [vec![0], key].concat())].concat()))
    }

    #[test]
    fn keys() {
        for bits in [512, 1024, 2048, 4096] {
            let read = read(&format!("v=DKIM1; k=rsa; p={}", made(bits)));
            assert_eq!(read.value.unwrap().key, Some(Key::Rsa(bits as u32)), "{:?}", read.faults);
        }
        let read = read(&format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode([7; 32])));
        assert_eq!(read.value.unwrap().key, Some(Key::Ed25519));
    }

    #[test]
    fn a_key_in_pieces_with_spaces_is_one_key() {
        let key = made(2048);
        let (first, second) = key.split_at(200);
        assert!(read(&format!("v=DKIM1; p={first} {second}")).is_valid());
    }

    #[test]
    fn flags() {
        let dkim = read(&format!("v=DKIM1; t=y:s; h=sha1:sha256; s=email; p={}", made(1024))).value.unwrap();
        assert!(dkim.testing && dkim.same_domain && dkim.is_for_mail() && dkim.allows_sha256());
        assert_eq!(read("v=DKIM1; p=").value.unwrap().key, None);
    }

    #[test]
    fn what_is_no_key() {
        let key = made(2048);
        for bad in [
            "v=DKIM1; k=rsa".to_owned(),
            format!("v=DKIM1; p={}", &key[..100]),
            "v=DKIM1; p=!!!".to_owned(),
            format!("k=rsa; v=DKIM1; p={key}"),
            format!("v=DKIM2; p={key}"),
            format!("v=DKIM1; h=sha1; p={key}"),
            format!("v=DKIM1; k=dsa; p={key}"),
            format!("v=DKIM1; k=ed25519; p={key}"),
            "v=spf1 -all".to_owned(),
        ] {
            assert!(!read(&bad).is_valid(), "{bad}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let _ = rsa_bits(&bytes);
        }
    }
}
