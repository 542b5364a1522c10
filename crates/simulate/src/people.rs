//! Names: of people, of companies, of machines. A person is a number; the same number is always the same person.

use crate::prng::mix;
use crate::text::Text;

const FIRST: [&str; 64] = [
    "anna", "bruno", "carla", "david", "elena", "felix", "greta", "hugo", "ines", "jakob", "karin", "lukas", "maria", "nils", "olga",
    "paul", "quirin", "rosa", "stefan", "tanja", "ulrich", "vera", "walter", "xenia", "yannick", "zoe", "alice", "benjamin", "claire",
    "dominic", "emma", "francois", "giulia", "henrik", "isabel", "jonas", "klara", "leon", "mathilda", "noah", "oscar", "petra", "rafael",
    "sofia", "tobias", "ursula", "viktor", "wanda", "aaron", "beatrice", "cedric", "diana", "emil", "fatima", "georg", "hanna", "ivan",
    "julia", "konrad", "laura", "marco", "nora", "otto", "pia",
];
const LAST: [&str; 64] = [
    "abel", "becker", "carlsson", "dubois", "eriksen", "fischer", "garcia", "hansen", "ivanov", "jansen", "keller", "lindgren", "moreau",
    "nowak", "olsen", "peeters", "quast", "rossi", "schmidt", "tanaka", "ulbrich", "virtanen", "weber", "xander", "young", "zimmer",
    "andersen", "bianchi", "costa", "dahl", "esposito", "ferrari", "gruber", "huber", "ito", "jung", "kowalski", "larsen", "meyer",
    "nielsen", "otter", "popescu", "richter", "santos", "torres", "urban", "vogel", "wagner", "almeida", "bauer", "conti", "dupont",
    "engel", "frank", "graf", "horvat", "iversen", "kaiser", "lang", "martin", "novak", "ortega", "pohl", "rivera",
];
const COMPANY: [&str; 48] = [
    "north", "blue", "silver", "river", "stone", "maple", "harbor", "summit", "cedar", "bright", "union", "prime", "nova", "terra",
    "alpine", "coast", "delta", "ember", "forest", "grand", "hill", "iron", "jade", "king", "lake", "metro", "noble", "orbit", "pacific",
    "quartz", "royal", "solar", "tiger", "urban", "valley", "west", "amber", "baltic", "castle", "dawn", "eagle", "falcon", "garden",
    "hansa", "island", "jupiter", "keystone", "lotus",
];
const TRADE: [&str; 48] = [
    "works", "paper", "motors", "foods", "labs", "textil", "print", "media", "bank", "travel", "design", "tools", "parts", "energy",
    "clinic", "school", "legal", "farm", "books", "toys", "cargo", "metal", "glass", "wood", "games", "music", "sport", "care", "pharma",
    "optics", "soft", "data", "cloud", "grid", "craft", "build", "estate", "garden", "kitchen", "dental", "audio", "cycle", "marine",
    "rail", "seeds", "tea", "wine", "yoga",
];

/// How many users our own domain has.
pub(crate) const OUR_USERS: u64 = 240;

/// The local part of a person. `numbered`: as at a big free provider, where plain names are taken.
pub(crate) fn local_part(person: u64, numbered: bool, out: &mut Vec<u8>) {
    let bits = mix(person);
    let first = FIRST[(bits & 63) as usize];
    let last = LAST[(bits >> 6 & 63) as usize];
    match bits >> 12 & 7 {
        0 => out.put(&first[..1]).put(".").put(last),
        1 => out.put(first).put("_").put(last),
        2 => out.put(first),
        3 => out.put(last).put(".").put(&first[..1]),
        _ => out.put(first).put(".").put(last),
    };
    if numbered {
        // Letters as well as digits: nobody in the world is likely to have this address.
        out.put(".").letters(bits >> 16, 5);
    }
}

/// One of our users.
pub(crate) fn our_user(user: u64, domain: &str, out: &mut Vec<u8>) {
    let bits = mix(user ^ 0x00c0_ffee);
    out.put(FIRST[(bits & 63) as usize]).put(".").put(LAST[(user % 64) as usize]).put("@").put(domain);
}

/// The domain of a company, below the reserved top-level domain `example` (RFC 2606).
pub(crate) fn company(number: u64) -> String {
    let bits = mix(number ^ 0x0bad_cafe);
    let name = COMPANY[(bits % 48) as usize];
    let trade = TRADE[(bits >> 8) as usize % 48];
    if number.is_multiple_of(3) { format!("{name}-{trade}.example") } else { format!("{name}{trade}{}.example", bits >> 20 & 63) }
}

/// A user name that guessers try.
pub(crate) const GUESSED: [&str; 16] = [
    "admin",
    "info",
    "test",
    "postmaster",
    "office",
    "sales",
    "support",
    "webmaster",
    "user",
    "contact",
    "backup",
    "scan",
    "noreply",
    "root",
    "mail",
    "accounting",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_keeps_the_name() {
        let name = |person| {
            let mut out = Vec::new();
            local_part(person, true, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(name(5), name(5));
        assert_ne!(name(5), name(6));
        assert!(company(9).ends_with(".example"));
    }
}
