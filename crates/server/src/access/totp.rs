//! One-time codes (RFC 6238: SHA-1, 6 digits, 30 seconds, which is what every authenticator app takes), and recovery codes.

use anyhow::Result;
use ring::hmac;

use super::secret::{self, random};

/// Bytes of a secret, as RFC 4226 section 4 advises.
const SECRET_BYTES: usize = 20;
/// Seconds of a step.
const STEP_SECONDS: i64 = 30;
/// Steps before and after now whose codes are taken: clocks differ.
const STEPS_AROUND: i64 = 1;
/// Codes for the day the telephone is lost.
const RECOVERY_CODES: usize = 10;
/// Base32 of RFC 4648; the recovery codes use it too: none of its characters is taken for another.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret.
pub(crate) fn new_secret() -> Result<Vec<u8>> {
    Ok(random::<SECRET_BYTES>()?.to_vec())
}

/// A secret as people type it into their app.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let (mut held, mut bits, mut out) = (0_u32, 0, String::new());
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(BASE32[(held >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        out.push(char::from(BASE32[(held << (5 - bits)) as usize & 31]));
    }
    out
}

/// The address that an app reads from a picture or a link.
pub(crate) fn address(bytes: &[u8], name: &str) -> String {
    format!("otpauth://totp/Mailvane:{}?secret={}&issuer=Mailvane", name.replace('@', "%40").replace('+', "%2B"), base32(bytes))
}

/// The code of a step (RFC 4226 section 5.3).
fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 15);
    let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// The step whose code this is, of those around a time in seconds. Whoever asks keeps it: a code counts once.
pub(crate) fn step_of(secret: &[u8], typed: &str, seconds: i64) -> Option<i64> {
    let typed: String = typed.chars().filter(|each| !each.is_whitespace()).collect();
    let now = seconds.div_euclid(STEP_SECONDS);
    (now - STEPS_AROUND..=now + STEPS_AROUND).find(|step| secret::same(&code(secret, *step), &typed))
}

/// New recovery codes, `ABCD-EFGH-IJKL-MNOP` each: 80 bits.
pub(crate) fn recovery_codes() -> Result<Vec<String>> {
    let code = || -> Result<String> {
        let text = base32(&random::<10>()?);
        let parts: Vec<&str> = (0..4).map(|part| &text[part * 4..part * 4 + 4]).collect();
        Ok(parts.join("-"))
    };
    (0..RECOVERY_CODES).map(|_| code()).collect()
}

/// The hash under which a recovery code is kept; how it is typed makes no difference.
pub(crate) fn recovery_hash(typed: &str) -> Vec<u8> {
    let plain: String = typed.chars().filter(|each| each.is_ascii_alphanumeric()).map(|each| each.to_ascii_uppercase()).collect();
    secret::hash(&plain).to_vec()
}

/// The code of now, for tests.
#[cfg(test)]
pub(crate) fn now_code(secret: &[u8], seconds: i64) -> String {
    code(secret, seconds.div_euclid(STEP_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, the last six digits of SHA-1.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, expected) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            assert_eq!(now_code(secret, seconds), expected);
            assert_eq!(step_of(secret, expected, seconds), Some(seconds / 30));
        }
    }

    #[test]
    fn a_clock_may_be_one_step_off_and_no_more() {
        let secret = new_secret().expect("random");
        let typed = now_code(&secret, 3000);
        assert_eq!(step_of(&secret, &typed, 3030), Some(100));
        assert_eq!(step_of(&secret, &format!("{} {}", &typed[..3], &typed[3..]), 2970), Some(100));
        assert_eq!(step_of(&secret, &typed, 3090), None);
        for wrong in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(step_of(&secret, wrong, 3000), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_written_in_base32() {
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(base32(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(address(b"foobar", "ann@example.com"), "otpauth://totp/Mailvane:ann%40example.com?secret=MZXW6YTBOI&issuer=Mailvane");
    }

    #[test]
    fn recovery_codes_differ_and_are_read_as_people_type() {
        let codes = recovery_codes().expect("random");
        assert_eq!(codes.len(), RECOVERY_CODES);
        assert!(codes.iter().all(|code| code.len() == 19));
        assert_ne!(codes[0], codes[1]);
        assert_eq!(recovery_hash(&codes[0]), recovery_hash(&codes[0].to_lowercase().replace('-', " ")));
    }
}
