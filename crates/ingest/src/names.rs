//! What the name of a log file tells: which log it belongs to, and its place among the rotations.
//! Names only group and break ties; what a file is, its content tells (`identity`).

use std::path::{Path, PathBuf};

/// Endings that compression tools add.
const PACKED: [&str; 8] = [".gz", ".zst", ".xz", ".bz2", ".zstd", ".bz", ".lzma", ".Z"];

/// The place of a file among the rotations of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Rotated with this number: the higher, the older.
    Numbered(std::cmp::Reverse<u32>),
    /// Rotated with this date (and time), as digits.
    Dated(u64),
    /// The name without any rotation: what is written to now.
    Live,
}

/// A file name taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogName {
    /// Folder and name of the log without rotation and compression: the same for all its files.
    pub log: PathBuf,
    /// The place among its rotations.
    pub rank: Rank,
    /// Whether the name has the ending of a compressed file.
    pub packed: bool,
}

impl LogName {
    /// Takes a path apart: `mail.log.2.gz` and `mail.log-20261102` belong to `mail.log`, and so does `mail-20261102.log`.
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
        let stem = PACKED.iter().find_map(|ending| name.strip_suffix(ending));
        let packed = stem.is_some();
        let mut rest = stem.unwrap_or(&name).to_owned();
        let mut rank = Rank::Live;
        while let Some((shorter, found)) = strip_rotation(&rest) {
            rest = shorter;
            rank = rank.min(found);
        }
        Self { log: path.with_file_name(rest), rank, packed }
    }
}

/// One rotation mark taken off the end of a name, or off the part before `.log`.
fn strip_rotation(name: &str) -> Option<(String, Rank)> {
    if let Some(stem) = name.strip_suffix(".old") {
        return Some((stem.to_owned(), Rank::Numbered(std::cmp::Reverse(1))));
    }
    if let Some((stem, rank)) = strip_mark(name) {
        return Some((stem.to_owned(), rank));
    }
    let (stem, rank) = strip_mark(name.strip_suffix(".log")?)?;
    Some((format!("{stem}.log"), rank))
}

/// `.N` or a date after `-`, `.` or `_` at the end.
fn strip_mark(name: &str) -> Option<(&str, Rank)> {
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '.' | '_' | 'T' | ':'));
    if stem.is_empty() {
        return None;
    }
    let marks = name[stem.len()..].char_indices().filter(|(_, letter)| matches!(letter, '-' | '.' | '_'));
    marks.map(|(index, letter)| (stem.len() + index, letter)).find_map(|(at, separator)| {
        let rank = rank_of(&name[at + 1..], separator)?;
        Some((&name[..at], rank))
    })
}

/// A number after a dot, or a date of at least eight digits that begins with a year, or seconds since the epoch.
fn rank_of(mark: &str, separator: char) -> Option<Rank> {
    let digits: String = mark.chars().filter(char::is_ascii_digit).collect();
    let first_is_digit = mark.starts_with(|letter: char| letter.is_ascii_digit());
    if !first_is_digit {
        return None;
    }
    if (8..=17).contains(&digits.len()) {
        let year = digits.get(..4)?.parse::<u32>().ok()?;
        let month = digits.get(4..6)?.parse::<u32>().ok()?;
        let is_date = (1970..2200).contains(&year) && (1..=12).contains(&month);
        let is_epoch = digits.len() == 10 && mark.len() == 10;
        if is_date || is_epoch {
            // Padded on the right, so that a day compares with a day and time.
            return format!("{digits:0<17}").parse().ok().map(Rank::Dated);
        }
    }
    (separator == '.' && mark.len() == digits.len() && digits.len() <= 5)
        .then(|| digits.parse().ok())
        .flatten()
        .map(|number| Rank::Numbered(std::cmp::Reverse(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;

    fn parts(name: &str) -> (String, Rank) {
        let name = LogName::of(Path::new(name));
        (name.log.to_string_lossy().into_owned(), name.rank)
    }

    #[test]
    fn rotations_of_one_log_have_one_name() {
        let day = Rank::Dated(20_261_102_000_000_000);
        let second = Rank::Dated(20_261_102_081_501_000);
        for (name, log, rank) in [
            ("/var/log/pods/mail_mx_1/mx/0.log", "/var/log/pods/mail_mx_1/mx/0.log", Rank::Live),
            ("/var/log/pods/mail_mx_1/mx/0.log.20261102-081501.gz", "/var/log/pods/mail_mx_1/mx/0.log", second),
            ("/var/lib/docker/0a1b/0a1b-json.log.1", "/var/lib/docker/0a1b/0a1b-json.log", Rank::Numbered(Reverse(1))),
            ("/var/log/mail.log", "/var/log/mail.log", Rank::Live),
            ("/var/log/mail.log.1", "/var/log/mail.log", Rank::Numbered(Reverse(1))),
            ("/var/log/mail.log.12.gz", "/var/log/mail.log", Rank::Numbered(Reverse(12))),
            ("maillog.0.bz2", "maillog", Rank::Numbered(Reverse(0))),
            ("maillog.20261102-081501.gz", "maillog", second),
            ("maillog-20261102", "maillog", day),
            ("maillog-20261102.zst", "maillog", day),
            ("mail.log-2026-11-02.xz", "mail.log", day),
            ("mail-20261102.log", "mail.log", day),
            ("mail.log.20261102_081501", "mail.log", second),
            ("mail.log.old", "mail.log", Rank::Numbered(Reverse(1))),
            ("mail.log-1793600101", "mail.log", Rank::Dated(17_936_001_010_000_000)),
            ("mx1.example.com", "mx1.example.com", Rank::Live),
            ("exim4", "exim4", Rank::Live),
            ("192.0.2.7", "192.0.2.7", Rank::Live),
            ("-", "-", Rank::Live),
        ] {
            assert_eq!(parts(name), (log.to_owned(), rank), "{name}");
        }
    }

    #[test]
    fn older_ranks_come_first() {
        assert!(parts("a.2").1 < parts("a.1").1);
        assert!(parts("a-20261101").1 < parts("a-20261102").1);
        assert!(parts("a.1").1 < parts("a").1);
    }

    #[test]
    fn no_name_panics() {
        for name in
            ["", "/", ".", "..", ".1", "-20261102", "ä.1", "mail.log.99999999999999999999", "mail.ü-2026", "7", "é", ".log", "1.log"]
        {
            let _ = LogName::of(Path::new(name));
        }
    }
}
