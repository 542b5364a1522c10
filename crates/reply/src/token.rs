//! What a run of characters in a reply is: an address of a machine, a time, an id, a number, or a word that tells.

/// Shortest run of letters and digits mixed that counts as an id.
pub(crate) const MIN_ID_BYTES: usize = 9;

/// The placeholder for a whole run, when it is one thing.
pub(crate) fn whole(run: &str) -> Option<&'static str> {
    let bytes = run.as_bytes();
    let first = *bytes.first()?;
    let mut digits = 0;
    let mut dots = 0;
    let mut colons = 0;
    let mut hex = 0;
    let mut others = 0;
    for byte in bytes {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' => dots += 1,
            b':' => colons += 1,
            b'a'..=b'f' | b'A'..=b'F' => hex += 1,
            _ => others += 1,
        }
    }
    if digits == bytes.len() {
        return Some("{n}");
    }
    if others + hex == 0 && colons == 0 && dots == 3 {
        return if run.starts_with("127.") { None } else { Some("{ip}") };
    }
    if others == 0 && dots <= 3 && colons >= 2 && (hex > 0 || digits > 0) {
        let time = hex == 0 && colons == 2 && digits <= 6 && first.is_ascii_digit();
        return Some(if time { "{time}" } else { "{ip}" });
    }
    // IPv6 literals of RFC 5321 section 4.1.3.
    if bytes.len() > 5 && bytes[..5].eq_ignore_ascii_case(b"ipv6:") {
        return Some("{ip}");
    }
    if dots > 0 && is_host(run) {
        return if is_known_name(run) { None } else { Some("{host}") };
    }
    is_id(bytes, digits).then_some("{id}")
}

/// Ids: long runs in which letters and digits are mixed, hyphens and dots allowed.
fn is_id(bytes: &[u8], digits: usize) -> bool {
    if digits == 0
        || bytes.len() < MIN_ID_BYTES
        || bytes.iter().any(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')))
    {
        return false;
    }
    let plain = bytes.iter().all(u8::is_ascii_alphanumeric);
    if plain { digits >= 2 && !is_named_token(bytes) } else { bytes.len() >= 14 && digits >= 4 }
}

/// `2026-11-22T10:00:00.123Z` and what begins like it.
pub(crate) fn is_timestamp(run: &str) -> bool {
    let bytes = run.as_bytes();
    let digits = |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    digits(0..4) && bytes.get(4) == Some(&b'-') && digits(5..7) && bytes.get(7) == Some(&b'-') && digits(8..10)
}

/// `RL000010`, `IPBL00001`: capitals, then digits. A token that names a refusal, not an id.
pub(crate) fn is_named_token(bytes: &[u8]) -> bool {
    let capitals = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let digits = bytes[capitals..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (2..=5).contains(&capitals) && digits <= 6 && capitals + digits == bytes.len()
}

/// A domain name (RFC 1035 section 2.3.1) whose last label looks like a top-level domain.
fn is_host(run: &str) -> bool {
    let Some((front, last)) = run.rsplit_once('.') else { return false };
    if front.is_empty() || last.len() < 2 || last.len() > 14 || !last.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    if !front.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) || front.ends_with('.') {
        return false;
    }
    let lower = run.bytes().all(|byte| !byte.is_ascii_uppercase());
    is_common_tld(last) || (lower && !last.bytes().any(|byte| byte.is_ascii_digit()))
}

fn is_common_tld(label: &str) -> bool {
    const COMMON: &[&str] =
        &["com", "net", "org", "edu", "gov", "mil", "int", "info", "biz", "local", "lan", "test", "example", "invalid", "localdomain"];
    COMMON.iter().any(|tld| label.eq_ignore_ascii_case(tld))
}

/// Names that say why: block lists, and the sites where providers explain their refusals.
fn is_known_name(host: &str) -> bool {
    const NAMES: &[&str] = &[
        "spamhaus.org",
        "spamhaus.net",
        "spamcop.net",
        "barracudacentral.org",
        "sorbs.net",
        "uceprotect.net",
        "surbl.org",
        "uribl.com",
        "abuseat.org",
        "mailspike.net",
        "mailspike.org",
        "senderscore.com",
        "returnpath.net",
        "blocklist.de",
        "surriel.com",
        "spameatingmonkey.net",
        "invaluement.com",
        "nixspam.org",
        "manitu.net",
        "backscatterer.org",
        "dnswl.org",
        "spamrats.com",
        "cloudmark.com",
        "trustedsource.org",
        "senderbase.org",
        "talosintelligence.com",
        "proofpoint.com",
        "mimecast.com",
        "hostkarma.junkemailfilter.com",
        "abusix.zone",
        "abusix.com",
        "wpbl.info",
        "njabl.org",
        "truncate.gbudb.net",
        "fabel.dk",
        "0spam.org",
        "interserver.net",
        "s5h.net",
        "mcafee.com",
        "symantec.com",
        "messagelabs.com",
        "virusfree.cz",
        "office.com",
        "gmail.com",
        "gmx.net",
        "yahoo.com",
        "outlook.com",
        "hotmail.com",
        "icloud.com",
        "t-online.de",
        "gsmtp",
        "spfbl.net",
        "pbl.org",
        "dsbl.org",
        "ordb.org",
    ];
    let host = host.as_bytes();
    NAMES.iter().any(|name| {
        let Some(front) = host.len().checked_sub(name.len()) else { return false };
        let (prefix, suffix) = host.split_at(front);
        // `zen.` and `www.` are names of services; a longer prefix or one with digits is a machine.
        let service = prefix.is_empty() || (prefix.ends_with(b".") && front <= 16 && !prefix.iter().any(u8::is_ascii_digit));
        service && suffix.eq_ignore_ascii_case(name.as_bytes())
    })
}

/// Names of months and days, written with a capital as dates do. `May` is left out: it begins sentences.
pub(crate) fn is_calendar_word(word: &str) -> bool {
    matches!(
        word,
        "Jan"
            | "Feb"
            | "Mar"
            | "Apr"
            | "Jun"
            | "Jul"
            | "Aug"
            | "Sep"
            | "Oct"
            | "Nov"
            | "Dec"
            | "Mon"
            | "Tue"
            | "Wed"
            | "Thu"
            | "Fri"
            | "Sat"
            | "Sun"
    )
}

/// Whether a piece of a link belongs to one message only.
pub(crate) fn is_particular(piece: &str) -> bool {
    /// A longer piece is no word.
    const MAX_WORD_BYTES: usize = 40;
    let digits = piece.bytes().filter(u8::is_ascii_digit).count();
    let letters = piece.bytes().any(|byte| byte.is_ascii_alphabetic());
    (digits > 0 && (piece.len() >= MIN_ID_BYTES || !letters)) || piece.len() > MAX_WORD_BYTES || piece.contains(['@', '%', ':'])
}
