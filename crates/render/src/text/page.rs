//! The page that sections are written to: width and colour are decided by the caller, once.

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

/// Text in the making.
pub(crate) struct Page {
    out: String,
    style: Style,
}

impl Page {
    pub(crate) fn new(style: Style) -> Self {
        Page { out: String::with_capacity(16 * 1024), style: Style { width: style.width.clamp(60, 200), ..style } }
    }

    pub(crate) fn width(&self) -> usize {
        self.style.width
    }

    pub(crate) fn top(&self) -> usize {
        self.style.top
    }

    fn painted(&mut self, code: &str, text: &str) {
        if self.style.colour && !text.is_empty() {
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
        self.painted("\x1b[1m", text);
        self.painted("\x1b[1m", &"=".repeat(text.chars().count()));
    }

    /// The heading of a section, with a line in small that says what it counts.
    pub(crate) fn heading(&mut self, text: &str, about: &str) {
        self.out.push('\n');
        self.painted("\x1b[1m", text);
        self.painted("\x1b[1m", &"-".repeat(text.chars().count()));
        if !about.is_empty() {
            for line in super::format::wrapped(about, self.style.width) {
                self.dim(&line);
            }
        }
    }

    /// A heading inside a section.
    pub(crate) fn subheading(&mut self, text: &str) {
        self.out.push('\n');
        self.painted("\x1b[1m", text);
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    pub(crate) fn blank(&mut self) {
        self.out.push('\n');
    }

    pub(crate) fn dim(&mut self, text: &str) {
        self.painted("\x1b[2m", text);
    }

    /// A line that tells of harm.
    pub(crate) fn alarm(&mut self, text: &str) {
        self.painted("\x1b[31m", text);
    }

    /// A line that tells of something to look at.
    pub(crate) fn notice(&mut self, text: &str) {
        self.painted("\x1b[33m", text);
    }

    /// A label and a text that goes on below itself.
    pub(crate) fn labelled(&mut self, indent: usize, label: &str, text: &str) {
        let hang = indent + label.chars().count();
        let width = self.style.width.saturating_sub(hang).max(30);
        for (at, line) in super::format::wrapped(text, width).iter().enumerate() {
            let front = if at == 0 { format!("{}{label}", " ".repeat(indent)) } else { " ".repeat(hang) };
            self.line(&format!("{front}{line}"));
        }
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}
