//! A notice as HTML for mail: one table-free column, styles on the elements, one picture from within the message and nothing from elsewhere.

use super::clean::escape;
use super::words::Words;

/// The name of the picture within the message.
pub const PICTURE: &str = "trend";

const BODY: &str = "margin:0;padding:16px;background:#ffffff;color:#1b1f24;font:15px/1.5 system-ui,-apple-system,sans-serif";
const DIM: &str = "color:#5c6570;margin:2px 0";
const HEAD: &str = "font-size:16px;margin:18px 0 4px";
const QUOTE: &str = "margin:4px 0;padding:6px 10px;background:#f6f8fa;border-left:3px solid #d8dde3;font:13px/1.4 ui-monospace,monospace;\
                     overflow-wrap:anywhere";

/// The colour of the bar on top: what is grave is red, what is over green.
fn colour(words: &Words) -> &'static str {
    match (words.subject.starts_with("[resolved]"), words.severity.as_str()) {
        (true, _) => "#00715a",
        (false, "page") => "#b3261e",
        (false, "ticket") => "#8a5a00",
        _ => "#2b5d8a",
    }
}

/// The page. `picture`: whether there is one in the message.
pub fn write(words: &Words, picture: bool) -> String {
    let mut out = String::with_capacity(4096);
    out.push_str("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.push_str(&format!("<title>{}</title></head>\n<body style=\"{BODY}\">\n<div style=\"max-width:640px\">\n", escape(&words.subject)));
    out.push_str(&format!(
        "<h1 style=\"font-size:20px;margin:0 0 4px;padding:0 0 0 10px;border-left:5px solid {}\">{}</h1>\n",
        colour(words),
        escape(&words.title)
    ));
    out.push_str(&format!("<p style=\"{DIM}\">{}, {}</p>\n", escape(&words.status), escape(&words.since)));
    for part in &words.parts {
        out.push_str(&format!("<p style=\"margin:8px 0\"><b>{}</b><br>{}</p>\n", escape(&part.title), escape(&part.text)));
    }
    if picture {
        out.push_str(&format!(
            "<p style=\"margin:8px 0\"><img src=\"cid:{PICTURE}\" width=\"600\" style=\"max-width:100%;height:auto\" \
             alt=\"Attempts over time: accepted green, refused or deferred red\">\
             <br><span style=\"{DIM}\">Attempts over time: green accepted, red refused or deferred.</span></p>\n"
        ));
    }
    if !words.why.is_empty() {
        out.push_str(&format!("<p style=\"{DIM}\">{}</p>\n", escape(&words.why)));
    }
    list(&mut out, "What came and went", &words.summary, "ul");
    list(&mut out, "Who and where", &words.groups, "ul");
    if !words.replies.is_empty() {
        out.push_str(&format!("<h2 style=\"{HEAD}\">What the other side says</h2>\n"));
        for reply in &words.replies {
            out.push_str(&format!("<p style=\"{QUOTE}\">{}&times; {}</p>\n", reply.count, escape(&reply.reply)));
            out.push_str(&format!(
                "<p style=\"margin:2px 0 8px\">{}<br><b>To do:</b> {}</p>\n",
                escape(&reply.meaning),
                escape(&reply.fix)
            ));
        }
    }
    list(&mut out, "What changed shortly before", &words.changes, "ul");
    list(&mut out, "What to do next", &words.next, "ol");
    for remark in &words.remarks {
        out.push_str(&format!("<p style=\"{DIM}\">{}</p>\n", escape(remark)));
    }
    if !words.link.is_empty() {
        let link = escape(&words.link);
        out.push_str(&format!("<p style=\"margin:16px 0\"><a href=\"{link}\">{link}</a></p>\n"));
    }
    out.push_str(&format!("<p style=\"{DIM}\">Mailvane on {}</p>\n</div>\n</body></html>\n", escape(&words.host)));
    out
}

fn list(out: &mut String, title: &str, lines: &[String], element: &str) {
    if lines.is_empty() {
        return;
    }
    out.push_str(&format!("<h2 style=\"{HEAD}\">{title}</h2>\n<{element} style=\"margin:4px 0;padding-left:22px\">\n"));
    for line in lines {
        out.push_str(&format!("<li>{}</li>\n", escape(line)));
    }
    out.push_str(&format!("</{element}>\n"));
}

#[cfg(test)]
mod tests {
    use super::super::words::Content;
    use super::super::words::tests::{notice, words};
    use super::*;

    #[test]
    fn nothing_of_a_reply_is_markup_and_nothing_is_loaded_from_elsewhere() {
        let page = write(&words(&notice(), Content::Full), true);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
        assert_eq!(page.matches("src=").count(), 1, "one picture");
        assert!(page.contains("src=\"cid:trend\""));
        assert!(!write(&words(&notice(), Content::Full), false).contains("src="));
        assert!(page.contains("#b3261e"), "a page is red");
    }
}
