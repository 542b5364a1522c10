//! A notice as plain text.

use super::words::Words;

/// Columns of a line.
const WIDTH: usize = 76;

/// The text of a notice.
pub fn write(words: &Words) -> String {
    let mut out = String::new();
    paragraph(&mut out, "", &words.title);
    paragraph(&mut out, "", &format!("{}, {}", words.status, words.since));
    for part in &words.parts {
        out.push('\n');
        paragraph(&mut out, "", &part.title);
        paragraph(&mut out, "  ", &part.text);
    }
    section(&mut out, "Why it matters", std::slice::from_ref(&words.why));
    section(&mut out, "What came and went", &words.summary);
    section(&mut out, "Who and where", &words.groups);
    if !words.replies.is_empty() {
        heading(&mut out, "What the other side says");
        for reply in &words.replies {
            paragraph(&mut out, "  ", &format!("{}x {}", reply.count, reply.reply));
            paragraph(&mut out, "     means: ", &reply.meaning);
            paragraph(&mut out, "     to do: ", &reply.fix);
        }
    }
    section(&mut out, "What changed shortly before", &words.changes);
    if !words.next.is_empty() {
        heading(&mut out, "What to do next");
        for (number, step) in words.next.iter().enumerate() {
            paragraph(&mut out, &format!("  {}. ", number + 1), step);
        }
    }
    out.push('\n');
    for remark in &words.remarks {
        paragraph(&mut out, "", remark);
    }
    if !words.link.is_empty() {
        out.push_str(&format!("{}\n", words.link));
    }
    out.push_str(&format!("-- \nMailvane on {}\n", words.host));
    out
}

fn heading(out: &mut String, title: &str) {
    out.push_str(&format!("\n{title}:\n"));
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.iter().all(String::is_empty) {
        return;
    }
    heading(out, title);
    for line in lines {
        paragraph(out, "  ", line);
    }
}

/// Words filled into lines; those after the first stand under the first word.
fn paragraph(out: &mut String, lead: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    let indent = lead.chars().count();
    let mut column = indent;
    out.push_str(lead);
    for (number, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if number > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::words::Content;
    use super::super::words::tests::{notice, words};
    use super::*;

    #[test]
    fn the_text_holds_every_part_in_lines_that_fit() {
        let text = write(&words(&notice(), Content::Full));
        for part in
            ["48 of 50", "user alice: 92 %", "44x 550-5.7.1", "means: ", "1. Read the reply.", "https://vane.example.com/alerts?incident="]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH || !line.trim().contains(' ')), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
    }
}
