//! One JSON object, written field by field straight into a buffer.

use std::io::Write;

use mailvane_model::Time;

/// Writes an object. Empty strings and absent numbers become `null`: absent means null in every shape of ours.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    /// Opens an object.
    pub(crate) fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Object { out, first: true }
    }

    /// Closes it.
    pub(crate) fn close(self) {
        self.out.push(b'}');
    }

    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        string(self.out, key);
        self.out.push(b':');
    }

    /// A string; empty is null.
    pub(crate) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        if value.is_empty() {
            self.out.extend_from_slice(b"null");
        } else {
            string(self.out, value);
        }
        self
    }

    /// Bytes as a string, invalid UTF-8 replaced; empty is null.
    pub(crate) fn bytes(&mut self, key: &str, value: &[u8]) -> &mut Self {
        self.text(key, &String::from_utf8_lossy(value))
    }

    /// A string that may be empty.
    pub(crate) fn string(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        string(self.out, value);
        self
    }

    /// An address; unknown is null, the null sender is the empty string.
    pub(crate) fn address(&mut self, key: &str, value: mailvane_model::Address<'_>) -> &mut Self {
        if value.is_unknown() {
            return self.text(key, "");
        }
        if value.is_null() { self.string(key, "") } else { self.string(key, &value.to_string()) }
    }

    /// A number.
    pub(crate) fn number(&mut self, key: &str, value: impl Into<i128>) -> &mut Self {
        self.key(key);
        display(self.out, value.into());
        self
    }

    /// A number that may be absent.
    pub(crate) fn optional(&mut self, key: &str, value: Option<impl Into<i128>>) -> &mut Self {
        match value {
            Some(value) => self.number(key, value),
            None => self.text(key, ""),
        }
    }

    /// A number for which 0 means absent.
    pub(crate) fn nonzero(&mut self, key: &str, value: impl Into<i128>) -> &mut Self {
        let value = value.into();
        self.optional(key, (value != 0).then_some(value))
    }

    /// Seconds out of milliseconds.
    pub(crate) fn seconds(&mut self, key: &str, milliseconds: Option<u64>) -> &mut Self {
        self.key(key);
        match milliseconds {
            Some(value) => seconds(self.out, value),
            None => self.out.extend_from_slice(b"null"),
        }
        self
    }

    /// A decimal; not finite is null.
    pub(crate) fn decimal(&mut self, key: &str, value: f64) -> &mut Self {
        self.key(key);
        if value.is_finite() {
            display(self.out, value);
        } else {
            self.out.extend_from_slice(b"null");
        }
        self
    }

    /// True or false.
    pub(crate) fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// A time in RFC 3339 with the given offset in minutes.
    pub(crate) fn time(&mut self, key: &str, value: Option<Time>, offset_minutes: i32) -> &mut Self {
        match value {
            Some(time) => self.string(key, &time.rfc3339(offset_minutes)),
            None => self.text(key, ""),
        }
    }

    /// An id in hexadecimal; 0 is null.
    pub(crate) fn id(&mut self, key: &str, value: u64) -> &mut Self {
        if value == 0 { self.text(key, "") } else { self.string(key, &format!("{value:016x}")) }
    }

    /// Anything that `write` puts there; it must be one JSON value.
    pub(crate) fn value(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.key(key);
        write(self.out);
        self
    }
}

/// Writes a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut start = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape: Option<&[u8]> = match byte {
            b'"' => Some(b"\\\""),
            b'\\' => Some(b"\\\\"),
            b'\n' => Some(b"\\n"),
            b'\r' => Some(b"\\r"),
            b'\t' => Some(b"\\t"),
            0..0x20 | 0x7f => None,
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[start..index]);
        match escape {
            Some(escape) => out.extend_from_slice(escape),
            None => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        start = index + 1;
    }
    out.extend_from_slice(&text.as_bytes()[start..]);
    out.push(b'"');
}

/// Writes seconds with up to three decimals.
pub(crate) fn seconds(out: &mut Vec<u8>, milliseconds: u64) {
    display(out, milliseconds as f64 / 1000.0);
}

fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_quotes_come_back_from_a_json_reader() {
        let text = "a\"b\\c\n\u{1}\u{7f}é";
        let mut out = Vec::new();
        string(&mut out, text);
        let back: String = serde_json::from_slice(&out).expect("valid JSON");
        assert_eq!(back, text);
    }

    #[test]
    fn absent_is_null_and_the_null_sender_is_not_absent() {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        object.text("a", "").address("b", mailvane_model::Address::NULL).nonzero("c", 0).seconds("d", Some(1050)).id("e", 255);
        object.close();
        assert_eq!(String::from_utf8(out).expect("UTF-8"), r#"{"a":null,"b":"","c":null,"d":1.05,"e":"00000000000000ff"}"#);
    }
}
