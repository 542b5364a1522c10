//! One source file: its head, its length, its name, and words that have no place in it.

use std::path::Path;

/// No file is longer than this, in lines.
const LONGEST_FILE: usize = 800;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "manager", "misc", "shared"];

/// Words without a place in any source, and why. They are put together here, so that this file does not hold them.
fn unwanted() -> [(String, &'static str); 9] {
    [
        (["TO", "DO"].concat(), "do it, or write an issue"),
        (["FIX", "ME"].concat(), "fix it, or write an issue"),
        (["XX", "X "].concat(), "say what it is"),
        (["#[ig", "nore"].concat(), "a test that does not run is no test"),
        (["unsafe", " {"].concat(), "unsafe code is forbidden"),
        (["unsafe", " fn"].concat(), "unsafe code is forbidden"),
        (["unsafe", " impl"].concat(), "unsafe code is forbidden"),
        (["/wo", "rk/"].concat(), "the path of one machine"),
        (["/ro", "ot/"].concat(), "the path of one machine"),
    ]
}

/// What is untidy in a source file.
pub(crate) fn problems(place: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(format!("{place}: begins with a `//!` line that says what it is"));
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        problems.push(format!("{place}: {lines} lines, at most {LONGEST_FILE}: divide it by concept"));
    }
    for part in Path::new(place).with_extension("").components() {
        let part = part.as_os_str().to_string_lossy();
        if EMPTY_NAMES.contains(&part.as_ref()) {
            problems.push(format!("{place}: {part:?} says nothing: name it after its concept"));
        }
    }
    for (word, why) in unwanted() {
        for (number, _) in text.lines().enumerate().filter(|(_, line)| line.contains(&word)) {
            problems.push(format!("{place}:{}: {word:?}: {why}", number + 1));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_file_has_no_problems() {
        assert!(problems("crates/model/src/word.rs", "//! Words.\n").is_empty());
    }

    #[test]
    fn each_rule_finds_what_it_is_for() {
        let found = |place: &str, text: &str| problems(place, text).len();
        assert_eq!(found("crates/a/src/b.rs", "fn a() {}\n"), 1);
        assert_eq!(found("crates/a/src/utils.rs", "//! B.\n"), 1);
        assert_eq!(found("crates/a/src/helpers/b.rs", "//! B.\n"), 1);
        assert_eq!(found("crates/a/src/b.rs", &format!("//! B.\n{}", "\n".repeat(LONGEST_FILE))), 1);
        for (word, _) in unwanted() {
            assert_eq!(found("crates/a/src/b.rs", &format!("//! B.\n// {word}\n")), 1, "{word}");
        }
    }
}
