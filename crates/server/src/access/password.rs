//! Passwords: what they must be, and their argon2id hashes.

use anyhow::{Result, anyhow};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Characters that a password must have.
pub(crate) const PASSWORD_MIN: usize = 10;
/// Bytes that a password may have: hashing a longer one costs without use.
pub(crate) const PASSWORD_MAX: usize = 256;
/// Characters that a user's name may have.
pub(crate) const NAME_MAX: usize = 64;

/// What everybody tries first, of the lengths that are long enough.
const COMMON: &[&str] = &[
    "1234567890",
    "0123456789",
    "12345678910",
    "123456789a",
    "qwertyuiop",
    "qwerty12345",
    "qwerty123456",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "password12",
    "password123",
    "password1234",
    "passw0rd123",
    "p@ssw0rd123",
    "letmein123",
    "iloveyou123",
    "administrator",
    "admin12345",
    "admin123456",
    "changeme123",
    "welcome123",
    "welcome1234",
    "mailvane123",
    "mailserver",
    "postmaster",
    "correcthorsebatterystaple",
];

/// What is wrong with a password, if anything, in words.
pub(crate) fn problem(password: &str, name: &str) -> Option<String> {
    let lower = password.to_lowercase();
    let first = lower.chars().next();
    if password.chars().count() < PASSWORD_MIN {
        Some(format!("the password is shorter than {PASSWORD_MIN} characters"))
    } else if password.len() > PASSWORD_MAX {
        Some(format!("the password is longer than {PASSWORD_MAX} bytes"))
    } else if COMMON.contains(&lower.as_str()) || lower.chars().all(|each| Some(each) == first) {
        Some("the password is one that everybody tries first".to_owned())
    } else if !name.is_empty() && lower.replace(&name.to_lowercase(), "").chars().count() < PASSWORD_MIN / 2 {
        Some("the password is little more than the name".to_owned())
    } else {
        None
    }
}

/// A name as it is kept: lower case. What is wrong with it otherwise.
pub(crate) fn name(given: &str) -> std::result::Result<String, String> {
    let name = given.trim().to_lowercase();
    let fits = |each: char| each.is_ascii_lowercase() || each.is_ascii_digit() || "._-@+".contains(each);
    if name.is_empty() || name.len() > NAME_MAX {
        Err(format!("a name has 1 to {NAME_MAX} characters"))
    } else if !name.chars().all(fits) || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        Err("a name has letters, digits and . _ - @ +, and begins with a letter or digit".to_owned())
    } else {
        Ok(name)
    }
}

/// The hash of a password (argon2id, with a salt of its own). Takes time and 19 MiB of memory: call it where that is allowed.
pub(crate) fn hash(password: &str) -> Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| anyhow!("the password cannot be hashed: {error}"))?;
    Ok(hash.to_string())
}

/// Whether a password is that of a hash. As slow as [`hash`]; without a hash, as slow and false: nobody learns which names exist.
pub(crate) fn is_right(password: &str, kept: Option<&str>) -> bool {
    let Some(kept) = kept.filter(|kept| !kept.is_empty()) else {
        // The work alone counts.
        drop(hash(password));
        return false;
    };
    let Ok(parsed) = PasswordHash::new(kept) else { return false };
    password.len() <= PASSWORD_MAX && Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_and_salted() {
        let (one, other) = (hash("stone bridge tram").expect("hashed"), hash("stone bridge tram").expect("hashed"));
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
        assert!(is_right("stone bridge tram", Some(&one)));
        assert!(!is_right("stone bridge trams", Some(&one)));
        assert!(!is_right("stone bridge tram", None) && !is_right("", Some("")) && !is_right("x", Some("damaged")));
    }

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        for (password, name) in [("short", "ann"), ("Password123", "ann"), ("aaaaaaaaaaaa", "ann"), ("postmaster@x1", "postmaster@x")] {
            assert!(problem(password, name).is_some(), "{password}");
        }
        assert!(problem(&"x y".repeat(100), "ann").is_some());
        assert_eq!(problem("stone bridge tram", "ann"), None);
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(name(" Ann.Lee@Example.com "), Ok("ann.lee@example.com".to_owned()));
        for wrong in ["", "-ann", "ann lee", "ann\r\nx", "änn", "<script>", &"a".repeat(65)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
