//! The rule packs that ship with Mailvane, and how they are joined with the user's.

use mailvane_model::hash;

use crate::matcher::Owner;
use crate::rule::{self, PackError, PackSpec};

/// Counts up when the way in which rules are applied changes, so that history is judged again.
const ENGINE_VERSION: u64 = 2;

macro_rules! packs {
    ($($name:literal)*) => {
        /// Every pack of ours: its name (that of its file) and its text.
        pub const EMBEDDED: &[(&str, &str)] = &[$(($name, include_str!(concat!("../rules/", $name, ".toml"))),)*];
    };
}

packs! {
    "apple" "barracuda" "charter" "cisco" "comcast" "cox" "docomo" "exchange_online" "free" "gmx" "godaddy" "google" "mailru"
    "messagelabs" "microsoft_consumer" "mimecast" "netease" "orange" "proofpoint" "qq" "smarthosts" "spamexperts" "telekom"
    "trendmicro" "yahoo" "yandex" "zoho" "own" "sendmail" "opensmtpd" "exim" "local" "recipient" "sender" "content" "remote" "code"
}

/// A pack with its name and owner.
pub type NamedPack = (String, Owner, PackSpec);

/// Reads all packs, the user's first, and gives their common version.
pub fn load(user: &[(&str, &str)]) -> Result<(Vec<NamedPack>, u32), PackError> {
    let mut packs = Vec::with_capacity(user.len() + EMBEDDED.len());
    let mut version = ENGINE_VERSION;
    let owned = user.iter().map(|pack| (Owner::User, pack)).chain(EMBEDDED.iter().map(|pack| (Owner::Mailvane, pack)));
    for (owner, (name, text)) in owned {
        packs.push(((*name).to_owned(), owner, rule::read(text)?));
        version = hash::words(&[version, hash::bytes(name.as_bytes()), hash::bytes(text.as_bytes())]);
    }
    Ok((packs, (version ^ (version >> 32)) as u32))
}
