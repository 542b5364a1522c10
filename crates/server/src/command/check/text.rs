//! The findings of a check as text: what is wrong first, with its reason and what to do.

use std::fmt::Write;
use std::io::IsTerminal;

use mailvane_probe::sheet::{Mark, Scope};
use mailvane_probe::{Finding, State};

use super::Outcome;

/// Columns of running text.
const WIDTH: usize = 100;
/// Pieces of evidence shown with a bad finding.
const EVIDENCE_LIMIT: usize = 4;

/// With colours or without.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    colours: bool,
}

impl Style {
    /// Colours on a terminal that wants them.
    pub(crate) fn of_stdout() -> Self {
        Style { colours: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// The text in a colour.
    pub(crate) fn paint(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn state(self, state: State, text: &str) -> String {
        let code = match state {
            State::Problem => "31;1",
            State::Warning => "33",
            State::Unknown => "36",
            State::Ok => "32",
        };
        self.paint(code, text)
    }
}

/// The whole answer. Writing into a string cannot fail.
pub(crate) fn outcome(outcome: &Outcome, style: Style) -> String {
    let mut out = String::new();
    head(&mut out, outcome, style);
    findings(&mut out, &outcome.findings, style);
    sheet(&mut out, outcome, style);
    out
}

/// The mail servers of the domain, below the answers of DNS.
pub(crate) fn servers(found: &[Finding], style: Style) -> String {
    let mut out = format!("\n{}: {}\n", style.paint("1", "Mail servers"), counts(found, style));
    findings(&mut out, found, style);
    out
}

/// Findings, those that want something first.
pub(crate) fn findings(out: &mut String, findings: &[Finding], style: Style) {
    for finding in findings.iter().filter(|finding| finding.state.is_bad()) {
        bad(out, finding, style);
    }
    rest(out, findings, State::Unknown, "Not known", style);
    rest(out, findings, State::Ok, "Fine", style);
}

/// How many there are of each state: `2 problems, 1 warning, 14 fine`.
pub(crate) fn counts(findings: &[Finding], style: Style) -> String {
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let parts: Vec<String> =
        [(State::Problem, "problems"), (State::Warning, "warnings"), (State::Unknown, "not known"), (State::Ok, "fine")]
            .into_iter()
            .map(|(state, word)| (count(state), state, word))
            .filter(|(count, ..)| *count > 0)
            .map(|(count, state, word)| {
                let word = if count == 1 { word.strip_suffix('s').unwrap_or(word) } else { word };
                style.state(state, &format!("{count} {word}"))
            })
            .collect();
    parts.join(", ")
}

fn head(out: &mut String, outcome: &Outcome, style: Style) {
    let resolvers: Vec<String> = outcome.resolvers.iter().map(ToString::to_string).collect();
    let _ = writeln!(out, "{}: {}", style.paint("1", &outcome.target.domain), counts(&outcome.findings, style));
    let _ = writeln!(out, "{} questions to {} in {:.1} s", outcome.asked, resolvers.join(", "), outcome.took.as_secs_f64());
    if let Some(spf) = outcome.records.spf.as_ref().filter(|_| !outcome.only.is_empty())
        && let Some(result) = spf.result
    {
        let _ = writeln!(out, "SPF: {result}, {} lookups, {} of them void", spf.lookups, spf.void_lookups);
    }
}

fn bad(out: &mut String, finding: &Finding, style: Style) {
    let word = style.state(finding.state, &format!("{:8}", finding.state.word().to_uppercase()));
    let _ = writeln!(
        out,
        "\n{word} {} {}",
        style.paint("1", &finding.title),
        style.paint("2", &format!("[{}, {}]", finding.check, finding.severity.word()))
    );
    paragraph(out, "about", &finding.subject);
    paragraph(out, "why", &finding.wording);
    paragraph(out, "fix", &finding.fix);
    for evidence in finding.evidence.iter().take(EVIDENCE_LIMIT) {
        let answer = evidence.answer.lines().next().unwrap_or_default();
        paragraph(out, "seen", &format!("{}: {answer} (from {})", evidence.question, evidence.server));
    }
}

/// A labelled paragraph, folded at the width of the page.
fn paragraph(out: &mut String, label: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    let mut line = format!("  {label:6} ");
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + word.chars().count() + 1 > WIDTH {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(9);
        }
        line.push_str(word);
        line.push(' ');
        empty = false;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

fn rest(out: &mut String, findings: &[Finding], state: State, title: &str, style: Style) {
    let mut first = true;
    for finding in findings.iter().filter(|finding| finding.state == state) {
        if std::mem::take(&mut first) {
            let _ = writeln!(out, "\n{}", style.state(state, title));
        }
        let _ = writeln!(out, "  {:16} {}", finding.check, finding.title);
        if state == State::Unknown {
            let more = [finding.wording.as_str(), finding.fix.as_str()].join(" ");
            let more = more.trim();
            if !more.is_empty() {
                let _ = writeln!(out, "  {:16} {}", "", style.paint("2", more));
            }
        }
    }
}

fn sheet(out: &mut String, outcome: &Outcome, style: Style) {
    if outcome.sheet.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.paint("1", "What Gmail, Yahoo and Microsoft ask for"));
    for line in &outcome.sheet {
        let state = match line.mark {
            Mark::Pass => State::Ok,
            Mark::Fail => State::Problem,
            Mark::Unknown => State::Unknown,
        };
        let mark = style.state(state, &format!("{:7}", line.mark.word()));
        let whom = if line.scope == Scope::Bulk { "bulk" } else { "all" };
        let _ = writeln!(out, "  {mark} {:9} {whom:4} {}: {}", line.provider, line.rule, style.paint("2", &line.because));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_folded_under_its_label() {
        let mut out = String::new();
        paragraph(&mut out, "why", &"word ".repeat(40));
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines.len() > 1 && lines[0].starts_with("  why    word") && lines[1].starts_with("         word"));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
    }
}
