//! The page that sections are written to: as text or as HTML; width and colour are decided by the caller, once.

use mailvane_model::Time;

use crate::chart::Chart;
use crate::html::{Picture, escape};

/// How the report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether terminal colours are written (never as the only sign of anything).
    pub colour: bool,
    /// Columns to fill.
    pub width: usize,
    /// Lines in each table.
    pub top: usize,
}

impl Default for Style {
    fn default() -> Self {
        Style { colour: false, width: 100, top: 10 }
    }
}

const RESET: &str = "\x1b[0m";

/// How a line is meant.
#[derive(Clone, Copy)]
enum Tone {
    Plain,
    Strong,
    Dim,
    Notice,
    Alarm,
}

impl Tone {
    const fn terminal(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Strong => "\x1b[1m",
            Tone::Dim => "\x1b[2m",
            Tone::Notice => "\x1b[33m",
            Tone::Alarm => "\x1b[31m",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Tone::Plain | Tone::Strong => "line",
            Tone::Dim => "line dim",
            Tone::Notice => "line notice",
            Tone::Alarm => "line alarm",
        }
    }
}

/// Where a report is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// As text.
    Text,
    /// As HTML, charts drawn within.
    Html,
    /// As the HTML of a mail, charts beside it: programs that read mail show no SVG.
    Mail,
}

/// A report in the making.
pub(crate) struct Page {
    out: String,
    style: Style,
    medium: Medium,
    pictures: Vec<Picture>,
    /// Whether a section of HTML is open.
    in_section: bool,
}

impl Page {
    pub(crate) fn new(style: Style, medium: Medium) -> Self {
        let style = Style { width: style.width.clamp(60, 200), ..style };
        Page { out: String::with_capacity(16 * 1024), style, medium, pictures: Vec::new(), in_section: false }
    }

    pub(crate) fn width(&self) -> usize {
        self.style.width
    }

    pub(crate) fn top(&self) -> usize {
        self.style.top
    }

    pub(crate) fn is_html(&self) -> bool {
        self.medium != Medium::Text
    }

    fn put(&mut self, tone: Tone, text: &str) {
        if self.is_html() {
            self.out.push_str(&format!("<p class=\"{}\">{}</p>\n", tone.class(), escape(text)));
            return;
        }
        let code = tone.terminal();
        if self.style.colour && !text.is_empty() && !code.is_empty() {
            self.out.push_str(code);
            self.out.push_str(text);
            self.out.push_str(RESET);
        } else {
            self.out.push_str(text);
        }
        self.out.push('\n');
    }

    /// The title of the whole.
    pub(crate) fn title(&mut self, text: &str) {
        if self.is_html() {
            self.out.push_str(&format!("<h1>{}</h1>\n", escape(text)));
            return;
        }
        self.put(Tone::Strong, text);
        self.put(Tone::Strong, &"=".repeat(text.chars().count()));
    }

    /// The heading of a section, with a line in small that says what it counts.
    pub(crate) fn heading(&mut self, text: &str, about: &str) {
        if self.is_html() {
            self.close();
            self.in_section = true;
            self.out.push_str(&format!("<section>\n<h2>{}</h2>\n", escape(text)));
            if !about.is_empty() {
                self.out.push_str(&format!("<p class=\"about\">{}</p>\n", escape(about)));
            }
            return;
        }
        self.out.push('\n');
        self.put(Tone::Strong, text);
        self.put(Tone::Strong, &"-".repeat(text.chars().count()));
        for line in super::format::wrapped(about, self.style.width) {
            self.dim(&line);
        }
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.in_section) {
            self.out.push_str("</section>\n");
        }
    }

    /// A heading inside a section.
    pub(crate) fn subheading(&mut self, text: &str) {
        if self.is_html() {
            self.out.push_str(&format!("<h3>{}</h3>\n", escape(text)));
            return;
        }
        self.out.push('\n');
        self.put(Tone::Strong, text);
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.put(Tone::Plain, text);
    }

    pub(crate) fn blank(&mut self) {
        if !self.is_html() {
            self.out.push('\n');
        }
    }

    pub(crate) fn dim(&mut self, text: &str) {
        self.put(Tone::Dim, text);
    }

    /// A line that tells of harm.
    pub(crate) fn alarm(&mut self, text: &str) {
        self.put(Tone::Alarm, text);
    }

    /// A line that tells of something to look at.
    pub(crate) fn notice(&mut self, text: &str) {
        self.put(Tone::Notice, text);
    }

    /// A label and a text that goes on below itself.
    pub(crate) fn labelled(&mut self, indent: usize, label: &str, text: &str) {
        if self.is_html() {
            let class = if indent > 0 { "inner" } else { "outer" };
            self.out.push_str(&format!(
                "<p class=\"{class}\"><span class=\"label\">{}</span> {}</p>\n",
                escape(label.trim()),
                escape(text)
            ));
            return;
        }
        let hang = indent + label.chars().count();
        let width = self.style.width.saturating_sub(hang).max(30);
        for (at, line) in super::format::wrapped(text, width).iter().enumerate() {
            let front = if at == 0 { format!("{}{label}", " ".repeat(indent)) } else { " ".repeat(hang) };
            self.line(&format!("{front}{line}"));
        }
    }

    /// A table in HTML.
    pub(crate) fn html_table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        self.out.push_str("<div class=\"scroll\"><table>\n<thead><tr>");
        for head in heads {
            self.out.push_str(&format!("<th>{}</th>", escape(head)));
        }
        self.out.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.out.push_str("<tr>");
            for cell in row {
                self.out.push_str(&format!("<td>{}</td>", escape(cell)));
            }
            self.out.push_str("</tr>\n");
        }
        self.out.push_str("</tbody></table></div>\n");
    }

    /// A chart with its legend, in HTML only. One that cannot be drawn is left out: its numbers stand in the table below it.
    pub(crate) fn figure(&mut self, chart: &Chart, offset_minutes: &dyn Fn(Time) -> i32) {
        let legend = chart.legend();
        let Some(drawn) = self.drawn(chart, offset_minutes).filter(|_| !legend.is_empty()) else { return };
        let entry = |(name, colour): &(String, String)| format!("<span><i style=\"background:{colour}\"></i>{}</span>", escape(name));
        let legend: String = legend.iter().map(entry).collect();
        self.out.push_str(&format!("<figure>{drawn}<figcaption><span>{}:</span>{legend}</figcaption></figure>\n", escape(&chart.title)));
    }

    /// The element that shows a chart; a picture beside the page is kept.
    fn drawn(&mut self, chart: &Chart, offset_minutes: &dyn Fn(Time) -> i32) -> Option<String> {
        match self.medium {
            Medium::Text => None,
            Medium::Html => chart.svg(offset_minutes).ok(),
            Medium::Mail => {
                let png = chart.png(offset_minutes).ok()?;
                let name = format!("chart-{}", self.pictures.len() + 1);
                let (width, height) = chart.size;
                let shown = format!("<img src=\"cid:{name}\" alt=\"{}\" width=\"{width}\" height=\"{height}\">", escape(&chart.title));
                self.pictures.push(Picture { name, png });
                Some(shown)
            }
        }
    }

    pub(crate) fn finish(mut self) -> (String, Vec<Picture>) {
        self.close();
        (self.out, self.pictures)
    }
}
