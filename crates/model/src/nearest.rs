//! The known word that a mistyped one was meant to be.

/// A word this far from a known one is taken for a typing error.
const MOST_EDITS: usize = 3;

/// The known word nearest to `word`, if one is near enough.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Of a short word most letters must be right.
    let most = MOST_EDITS.min(word.chars().count().div_ceil(2));
    known.map(|candidate| (distance(word, candidate), candidate)).filter(|found| found.0 <= most).min().map(|found| found.1)
}

/// The number of single-character edits between two words (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, to) in right.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["mailbox_full", "greylisted", "loop"];
        assert_eq!(nearest("mailbox_ful", known.into_iter()), Some("mailbox_full"));
        assert_eq!(nearest("greylist", known.into_iter()), Some("greylisted"));
        assert_eq!(nearest("lop", known.into_iter()), Some("loop"));
        assert_eq!(nearest("nonsense", known.into_iter()), None);
        assert_eq!(nearest("", known.into_iter()), None);
    }
}
