//! Templates of an operator: `subject.txt`, `body.txt` and `body.html` in a folder, each in place of ours. `{name}` stands for a part of
//! the notice; `{{` and `}}` are braces.

use std::path::Path;

use super::clean::escape;
use super::words::Words;
use super::{html, text};
use crate::error::Error;
use crate::rule::read::unknown;

/// A template is not longer than this.
const BYTES: u64 = 256 << 10;

/// What can stand between braces.
pub const NAMES: [&str; 14] =
    ["title", "status", "severity", "since", "parts", "why", "groups", "replies", "changes", "next", "summary", "link", "host", "notice"];

/// Templates; what is not there is written as it ships.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
}

impl Templates {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`Error::Template`] when the folder or a file cannot be read, or names what is not known.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let read = |name: &str| -> Result<Option<String>, Error> {
            let path = folder.join(name);
            let failed = |error: std::io::Error| Error::Template(format!("cannot read {}: {error}", path.display()));
            match std::fs::metadata(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(failed(error)),
                Ok(meta) if meta.len() > BYTES => return Err(Error::Template(format!("{} is too long", path.display()))),
                Ok(_) => {}
            }
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            fill(&text, |_| Some(String::new())).map_err(|problem| Error::Template(format!("{}: {problem}", path.display())))?;
            Ok(Some(text))
        };
        if !folder.is_dir() {
            return Err(Error::Template(format!("there is no folder {}", folder.display())));
        }
        Ok(Templates { subject: read("subject.txt")?, text: read("body.txt")?, html: read("body.html")? })
    }

    /// The subject.
    pub fn subject(&self, words: &Words) -> String {
        let filled = self.subject.as_ref().and_then(|template| fill(template, |name| plain(words, name)).ok());
        filled.map_or_else(|| words.subject.clone(), |subject| super::clean::subject(&subject))
    }

    /// The text.
    pub fn text(&self, words: &Words) -> String {
        let filled = self.text.as_ref().and_then(|template| fill(template, |name| plain(words, name)).ok());
        filled.unwrap_or_else(|| text::write(words))
    }

    /// The HTML.
    pub fn html(&self, words: &Words, picture: bool) -> String {
        let filled = self.html.as_ref().and_then(|template| fill(template, |name| marked(words, name)).ok());
        filled.unwrap_or_else(|| html::write(words, picture))
    }
}

/// A part as plain text.
fn plain(words: &Words, name: &str) -> Option<String> {
    let lines = |lines: &[String]| lines.join("\n");
    Some(match name {
        "title" => words.title.clone(),
        "status" => words.status.clone(),
        "severity" => words.severity.clone(),
        "since" => words.since.clone(),
        "parts" => lines(&words.parts.iter().map(|part| format!("{}: {}", part.title, part.text)).collect::<Vec<_>>()),
        "why" => words.why.clone(),
        "groups" => lines(&words.groups),
        "replies" => {
            let of = |reply: &super::words::Reply| format!("{}x {}\n{}\n{}", reply.count, reply.reply, reply.meaning, reply.fix);
            lines(&words.replies.iter().map(of).collect::<Vec<_>>())
        }
        "changes" => lines(&words.changes),
        "next" => lines(&words.next.iter().enumerate().map(|(number, step)| format!("{}. {step}", number + 1)).collect::<Vec<_>>()),
        "summary" => lines(&words.summary),
        "link" => words.link.clone(),
        "host" => words.host.clone(),
        "notice" => text::write(words),
        _ => return None,
    })
}

/// A part as HTML.
fn marked(words: &Words, name: &str) -> Option<String> {
    plain(words, name).map(|text| escape(&text).replace('\n', "<br>\n"))
}

/// Puts parts in the places of their names.
fn fill(template: &str, part: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
        } else if brace == "}" {
            return Err("a `}` without its `{`; write `}}` for a brace".to_owned());
        } else {
            let end = rest.find('}').ok_or("a `{` without its `}`; write `{{` for a brace")?;
            let name = rest[..end].trim();
            let known = NAMES.contains(&name).then(|| part(name)).flatten();
            out.push_str(&known.ok_or_else(|| unknown("name", name, NAMES.iter().copied()))?);
            rest = &rest[end + 1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::words::Content;
    use super::super::words::tests::{notice, words};
    use super::*;

    #[test]
    fn an_operator_can_write_a_notice_anew() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("subject.txt"), "{severity}: {title}\n").unwrap();
        std::fs::write(folder.path().join("body.html"), "<b>{replies}</b> {{}}").unwrap();
        let templates = Templates::load(folder.path()).unwrap();
        let words = words(&notice(), Content::Full);
        assert_eq!(templates.subject(&words), "page: A provider blocks us: provider google");
        let page = templates.html(&words, false);
        assert!(page.starts_with("<b>44x 550") && page.contains("&lt;script&gt;") && page.ends_with("{}"), "{page}");
        assert_eq!(templates.text(&words), text::write(&words));
    }

    #[test]
    fn what_is_not_known_is_said_with_the_nearest_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("body.txt"), "{titel}").unwrap();
        let error = Templates::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("body.txt: unknown name `titel`: did you mean `title`?"), "{error}");
        assert!(Templates::load(&folder.path().join("none")).is_err());
        for broken in ["{title", "}", "{}"] {
            assert!(fill(broken, |_| Some(String::new())).is_err(), "{broken}");
        }
    }
}
