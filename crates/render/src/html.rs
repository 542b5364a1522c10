//! The report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere.
//!
//! The sections are those of the text report, written to a page that makes HTML.

use mailvane_metric::summary::Report;

use crate::text::{Header, Medium, Style, Words};

/// Everything a browser may load: nothing; of a mail, its own pictures. Styles stand in the file.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src cid:";

const CSS: &str = "\
:root{color-scheme:light dark;--ground:#fff;--text:#1b1f24;--dim:#5c6570;--line:#d8dde3;--alarm:#b3261e;--notice:#8a5a00;--card:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--ground:#15181c;--text:#e4e8ec;--dim:#9aa4af;--line:#353b42;--alarm:#ff8a80;--notice:#ffc14d;--card:#1c2025}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem;background:var(--ground);color:var(--text);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0 0 .5rem}
h2{font-size:1.2rem;margin:2.2rem 0 .3rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.2rem 0}
.about,.dim{color:var(--dim)}
.alarm{color:var(--alarm);font-weight:600}
.notice{color:var(--notice);font-weight:600}
.line{white-space:pre-wrap;overflow-wrap:anywhere}
.label{color:var(--dim);display:inline-block;min-width:7rem}
.inner{padding-left:1.2rem}
.inner .label{min-width:3rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;margin:.5rem 0;font-variant-numeric:tabular-nums}
th,td{padding:.18rem .7rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left;max-width:26rem;overflow:hidden;text-overflow:ellipsis}
thead th{color:var(--dim);font-weight:600}
tbody tr:hover{background:var(--card)}
figure{margin:.8rem 0;background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.6rem}
figure svg,figure img{display:block;width:100%;height:auto}
figcaption span{display:inline-block;margin-right:1.2rem}
figcaption i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em}
@media print{body{max-width:none;padding:0}h2{break-after:avoid}table,figure{break-inside:avoid}}
";

/// Text as it may stand in HTML, also inside an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            character if character.is_control() && character != '\n' => out.push('\u{fffd}'),
            character => out.push(character),
        }
    }
    out
}

/// A picture beside a page, which shows it as `cid:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its name: letters, digits, `-`.
    pub name: String,
    /// The picture as PNG.
    pub png: Vec<u8>,
}

/// The report as HTML. `top` is how many lines each table shows.
pub fn report(report: &Report, header: &Header, words: &Words<'_>, top: usize) -> String {
    written(report, header, words, top, Medium::Html).0
}

/// The report as the HTML of a mail, and the charts that must go with it: few programs that read mail show SVG.
pub fn mail(report: &Report, header: &Header, words: &Words<'_>, top: usize) -> (String, Vec<Picture>) {
    written(report, header, words, top, Medium::Mail)
}

fn written(report: &Report, header: &Header, words: &Words<'_>, top: usize, medium: Medium) -> (String, Vec<Picture>) {
    let (body, pictures) = crate::text::sections(report, header, words, Style { colour: false, width: 160, top }, medium);
    let mut out = String::with_capacity(body.len() + 4096);
    out.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n"));
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Mailvane report</title>\n<style>\n");
    out.push_str(CSS);
    out.push_str("</style>\n</head>\n<body>\n<main>\n");
    out.push_str(&body);
    out.push_str("</main>\n</body>\n</html>\n");
    (out, pictures)
}
