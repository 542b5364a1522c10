//! Reading a table of a rule: typed values, and for what is wrong the file, the line and the nearest right name.

use std::cell::RefCell;

use mailvane_model::{Time, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {text}")]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What, and what to do.
    pub text: String,
}

/// The text of one rule file.
#[derive(Clone, Copy)]
pub(crate) struct Source<'t> {
    pub(crate) file: &'t str,
    pub(crate) text: &'t str,
}

impl Source<'_> {
    pub(crate) fn problem(&self, offset: usize, text: String) -> Problem {
        let line = self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1;
        Problem { file: self.file.to_owned(), line, text }
    }
}

/// Reads one table. Every key that is asked for is a known key; what is left over at the end is a typo.
pub(crate) struct Reader<'t> {
    source: Source<'t>,
    table: &'t DeTable<'t>,
    /// Where the table begins, for what is missing in it.
    at: usize,
    asked: RefCell<Vec<&'static str>>,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(source: Source<'t>, table: &'t DeTable<'t>, at: usize) -> Self {
        Reader { source, table, at, asked: RefCell::default(), problems: RefCell::default() }
    }

    fn get(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.borrow_mut().push(key);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Notes that something is wrong with a key's value.
    pub(crate) fn wrong(&self, key: &str, text: impl Into<String>) {
        let value = self.table.iter().find(|(name, _)| name.get_ref() == key);
        let at = value.map_or(self.at, |(_, value)| value.span().start);
        self.problems.borrow_mut().push(self.source.problem(at, text.into()));
    }

    /// The value of a key, turned by `take`; a value of another type is noted.
    fn typed<T>(&self, key: &'static str, wanted: &str, take: impl Fn(&'t DeValue<'t>) -> Option<T>) -> Option<T> {
        let value = self.get(key)?;
        let taken = take(value.get_ref());
        if taken.is_none() {
            self.wrong(key, format!("`{key}` must be {wanted}"));
        }
        taken
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<&'t str> {
        self.typed(key, "a text in quotes", |value| value.as_str())
    }

    /// A text that has to be there.
    pub(crate) fn needed(&self, key: &'static str) -> String {
        match self.text(key) {
            Some(text) if !text.trim().is_empty() => text.trim().to_owned(),
            _ => {
                self.wrong(key, format!("`{key}` is missing"));
                String::new()
            }
        }
    }

    pub(crate) fn flag(&self, key: &'static str) -> bool {
        self.typed(key, "true or false", DeValue::as_bool).unwrap_or(false)
    }

    pub(crate) fn number(&self, key: &'static str, default: f64) -> f64 {
        let number = self.typed(key, "a number, 0 or more", |value| {
            let text = value.as_float().map(|float| float.as_str()).or_else(|| value.as_integer().map(|integer| integer.as_str()))?;
            text.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
        });
        number.unwrap_or(default)
    }

    /// A share, 0 to 1.
    pub(crate) fn share(&self, key: &'static str, default: f64) -> f64 {
        let share = self.number(key, default);
        if share > 1.0 {
            self.wrong(key, format!("`{key}` is a share from 0 to 1: {share} would be {} %", share * 100.0));
        }
        share
    }

    /// A span of time, `90s`, `15m`, `12h`, `7d`, in microseconds.
    pub(crate) fn span(&self, key: &'static str, default: i64) -> i64 {
        self.typed(key, "a span of time as \"90s\", \"15m\", \"12h\" or \"7d\"", |value| value.as_str().and_then(span)).unwrap_or(default)
    }

    /// One text or a list of texts.
    pub(crate) fn texts(&self, key: &'static str) -> Vec<&'t str> {
        let texts = self.typed(key, "a text in quotes or a list of them", |value| match value {
            DeValue::String(text) => Some(vec![text.as_ref()]),
            DeValue::Array(items) => items.iter().map(|item| item.get_ref().as_str()).collect(),
            _ => None,
        });
        texts.unwrap_or_default()
    }

    /// One of a list of words; `None` (and a note) when it is another, the default when the key is missing.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, default: Option<T>, known: &[(&str, T)]) -> Option<T> {
        let Some(text) = self.text(key) else {
            if default.is_none() {
                self.wrong(key, format!("`{key}` is missing: {}", names(known.iter().map(|(name, _)| *name))));
            }
            return default;
        };
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            self.wrong(key, unknown(key, text, known.iter().map(|(name, _)| *name)));
        }
        found
    }

    /// A table inside this one; nothing is known of its keys when it is missing.
    pub(crate) fn inner(&self, key: &'static str) -> Option<Reader<'t>> {
        let value = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, format!("`{key}` must be a table"));
            return None;
        };
        Some(Reader::new(self.source, table, value.span().start))
    }

    /// Every key of this table with its texts: for tables whose keys are names of the user's.
    pub(crate) fn entries(&self) -> Vec<(&'t str, Vec<&'t str>)> {
        let texts = |value: &'t DeValue<'t>| match value {
            DeValue::String(text) => vec![text.as_ref()],
            DeValue::Array(items) => items.iter().filter_map(|item| item.get_ref().as_str()).collect(),
            DeValue::Integer(number) => vec![number.as_str()],
            _ => Vec::new(),
        };
        self.table.iter().map(|(name, value)| (name.get_ref().as_ref(), texts(value.get_ref()))).collect()
    }

    /// Takes over what another reader found.
    pub(crate) fn absorb(&self, other: Reader<'t>) {
        self.problems.borrow_mut().extend(other.finish());
    }

    /// Takes over what another reader found in a table whose keys are free.
    pub(crate) fn absorb_free(&self, other: Reader<'t>) {
        self.problems.borrow_mut().extend(other.problems.into_inner());
    }

    /// Everything that is wrong, keys that nobody asked for included.
    pub(crate) fn finish(self) -> Vec<Problem> {
        let asked = self.asked.into_inner();
        let mut problems = self.problems.into_inner();
        for name in self.table.keys() {
            if !asked.iter().any(|known| known == name.get_ref()) {
                problems.push(self.source.problem(name.span().start, unknown("key", name.get_ref(), asked.iter().copied())));
            }
        }
        problems.sort_by_key(|problem| problem.line);
        problems.dedup();
        problems
    }
}

/// A span of time in microseconds.
pub(crate) fn span(text: &str) -> Option<i64> {
    let (digits, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    let unit = match unit {
        "s" => Time::SECOND,
        "m" => Time::MINUTE,
        "h" => Time::HOUR,
        "d" => Time::DAY,
        "w" => 7 * Time::DAY,
        _ => return None,
    };
    digits.parse::<u32>().ok().map(|count| i64::from(count) * unit)
}

/// How a span is written.
pub fn span_text(span: i64) -> String {
    for (unit, letter) in [(Time::DAY, 'd'), (Time::HOUR, 'h'), (Time::MINUTE, 'm')] {
        if span >= unit && span % unit == 0 {
            return format!("{}{letter}", span / unit);
        }
    }
    format!("{}s", span / Time::SECOND)
}

/// A span as people read it, in its largest whole unit: `15 min`, `6 h`, `7 days`.
pub fn span_words(span: i64) -> String {
    for (unit, one, many) in [(Time::DAY, "day", "days"), (Time::HOUR, "h", "h"), (Time::MINUTE, "min", "min")] {
        if span >= unit && span % unit == 0 {
            let count = span / unit;
            return format!("{count} {}", if count == 1 { one } else { many });
        }
    }
    format!("{} s", span / Time::SECOND)
}

/// What to say about a word that is not known.
pub(crate) fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(name) => format!("unknown {what} `{word}`: did you mean `{name}`?"),
        None => format!("unknown {what} `{word}`: {}", names(known)),
    }
}

fn names<'a>(known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    format!("known are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        for text in ["90s", "15m", "12h", "7d"] {
            assert_eq!(span(text).map(span_text).as_deref(), Some(text));
        }
        for text in ["", "15", "m", "15 m", "-5m", "15y", "99999999999m"] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered() {
        assert_eq!(unknown("key", "metrc", ["metric", "window"].into_iter()), "unknown key `metrc`: did you mean `metric`?");
        assert_eq!(unknown("key", "zzzzzzzz", ["metric", "window"].into_iter()), "unknown key `zzzzzzzz`: known are metric, window");
    }
}
