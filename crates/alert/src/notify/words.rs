//! What a notice says: made once from the notice, written as text, as HTML, and as the fields of other services.

use chrono::TimeZone;
use chrono_tz::Tz;
use mailvane_metric::template;
use mailvane_model::Time;
use mailvane_model::word::Stage;
use mailvane_reply::explain;
use mailvane_reply::judge::{Failure, Judge};
use mailvane_reply::provider::Providers;
use serde::{Deserialize, Serialize};

use super::clean::{self, mask_addresses, mask_name, one_line};
use crate::contrast::Excess;
use crate::event::{Line, Notice, NoticeKind};
use crate::input::Sample;
use crate::rule::span_words;

/// A text of one field is cut after so many characters.
const FIELD: usize = 600;
/// Groups that explain an excess, at most.
const GROUPS: usize = 6;

/// How much of what leaves this host may be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Everything.
    #[default]
    Full,
    /// Local parts and user names shortened, templates in place of replies.
    Masked,
}

/// How a notice speaks.
pub struct Speech<'a> {
    /// Verdicts of replies.
    pub judge: &'a Judge,
    /// Names of providers.
    pub providers: &'a Providers,
    /// In whose time.
    pub zone: Tz,
    /// The name of this host.
    pub host: &'a str,
    /// Where the dashboard is, without a slash at the end.
    pub link: &'a str,
    /// How much may be told.
    pub content: Content,
}

/// A sample reply with what it means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// How many say the same.
    pub count: u32,
    /// The reply.
    pub reply: String,
    /// What it means.
    pub meaning: String,
    /// The first thing to do.
    pub fix: String,
}

/// One rule's part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its title.
    pub title: String,
    /// The numbers, against what is usual.
    pub text: String,
}

/// A notice in words. Nothing in it holds a control character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    /// The subject of a mail.
    pub subject: String,
    /// In one line.
    pub title: String,
    /// What this notice says: `New`, `Over` and so on.
    pub status: String,
    /// `page`, `ticket`, `info`.
    pub severity: String,
    /// Since when, and for how long.
    pub since: String,
    /// The rules that fire.
    pub parts: Vec<Part>,
    /// Why anybody should care.
    pub why: String,
    /// The groups that explain the excess.
    pub groups: Vec<String>,
    /// Sample replies.
    pub replies: Vec<Reply>,
    /// What changed shortly before.
    pub changes: Vec<String>,
    /// What to do, in order.
    pub next: Vec<String>,
    /// Of a summary: what began and ended.
    pub summary: Vec<String>,
    /// Remarks about the notice itself.
    pub remarks: Vec<String>,
    /// Where to read on.
    pub link: String,
    /// Who says so.
    pub host: String,
}

impl Words {
    /// The words of a notice.
    pub fn of(notice: &Notice, speech: &Speech<'_>) -> Self {
        let masker = Masker::of(notice, speech.content);
        let title = masker.text(&notice.title);
        let status = status(notice.kind);
        let first = notice.lines.first();
        let is_over = notice.kind == NoticeKind::Resolved;
        let tag = if is_over { "resolved" } else { notice.severity.word() };
        Words {
            subject: clean::subject(&format!("[{tag}] {title} ({})", speech.host)),
            status: status.to_owned(),
            severity: notice.severity.word().to_owned(),
            since: since(notice, speech),
            parts: notice.lines.iter().map(|line| masker.part(line)).collect(),
            why: first.filter(|_| !is_over).map(|line| one_line(&line.why, FIELD)).unwrap_or_default(),
            groups: notice.contrast.iter().take(GROUPS).map(|excess| masker.group(excess)).collect(),
            replies: if is_over { Vec::new() } else { notice.samples.iter().map(|sample| masker.reply(sample, speech)).collect() },
            changes: if is_over { Vec::new() } else { notice.changes.iter().map(|change| masker.text(change)).collect() },
            next: next(notice),
            summary: notice.summary.iter().map(|line| masker.text(line)).collect(),
            remarks: remarks(notice, speech.content),
            link: link(notice, speech),
            host: one_line(speech.host, FIELD),
            title,
        }
    }
}

const fn status(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Fired => "New",
        NoticeKind::Worse => "Graver than before",
        NoticeKind::Repeat => "Goes on, and nobody has acknowledged it",
        NoticeKind::Escalated => "Goes on, nobody has acknowledged it, and you are the next to be told",
        NoticeKind::Resolved => "Over",
        NoticeKind::Summary => "While nobody was told",
        NoticeKind::Report => "Report",
    }
}

fn moment(time: i64, zone: Tz) -> String {
    zone.from_utc_datetime(&Time(time).to_chrono().naive_utc()).format("%-d %b %Y %H:%M %Z").to_string()
}

fn since(notice: &Notice, speech: &Speech<'_>) -> String {
    let lasted = (notice.at - notice.began).max(0) / Time::MINUTE * Time::MINUTE;
    let began = moment(notice.began, speech.zone);
    match (notice.kind, lasted) {
        (NoticeKind::Summary, _) => format!("up to {}", moment(notice.at, speech.zone)),
        (NoticeKind::Resolved, _) => format!("from {began} to {} ({})", moment(notice.at, speech.zone), length(lasted)),
        (_, 0) => format!("since {began}"),
        _ => format!("since {began} ({})", length(lasted)),
    }
}

/// A length in its largest unit that says enough.
fn length(micros: i64) -> String {
    let rounded = match micros {
        micros if micros >= 2 * Time::DAY => micros / Time::DAY * Time::DAY,
        micros if micros >= 2 * Time::HOUR => micros / Time::HOUR * Time::HOUR,
        micros => micros,
    };
    span_words(rounded)
}

/// The steps of the gravest rule.
fn next(notice: &Notice) -> Vec<String> {
    if notice.kind == NoticeKind::Resolved {
        return Vec::new();
    }
    let runbook = notice.lines.first().map(|line| line.runbook.as_str()).unwrap_or_default();
    let step = |line: &str| {
        let line = line.trim();
        let bare = line.trim_start_matches(|character: char| character.is_ascii_digit());
        one_line(if bare.len() < line.len() { bare.trim_start_matches(['.', ')']) } else { line }, FIELD)
    };
    runbook.lines().map(step).filter(|step| !step.is_empty()).collect()
}

fn remarks(notice: &Notice, content: Content) -> Vec<String> {
    let mut remarks = Vec::new();
    if notice.young {
        remarks.push("Less than seven days are learned, so rules that compare with the past only make tickets yet.".to_owned());
    }
    if content == Content::Masked {
        remarks.push("Names and replies are shortened on this route; the page has them in full.".to_owned());
    }
    remarks
}

fn link(notice: &Notice, speech: &Speech<'_>) -> String {
    if speech.link.is_empty() {
        return String::new();
    }
    let place = if notice.incident.is_empty() { String::new() } else { format!("?incident={}", notice.incident) };
    format!("{}/alerts{place}", one_line(speech.link, FIELD))
}

/// Shortens names where they must not be told.
struct Masker {
    content: Content,
    /// Names that stand in texts and are no addresses: users.
    names: Vec<(String, String)>,
}

impl Masker {
    fn of(notice: &Notice, content: Content) -> Self {
        let of_groups = notice.lines.iter().map(|line| (line.group.label.as_str(), line.group.key.as_str()));
        let of_excess = notice.contrast.iter().map(|excess| (excess.label.as_str(), excess.key.as_str()));
        let mut names: Vec<(String, String)> = of_groups
            .chain(of_excess)
            .filter(|(label, key)| matches!(*label, "user" | "sender") && !key.is_empty())
            .map(|(_, key)| (key.to_owned(), mask_name(key)))
            .collect();
        // The longest first, so that no part of a name is left.
        names.sort_by_key(|name| std::cmp::Reverse(name.0.len()));
        names.dedup();
        Masker { content, names }
    }

    fn text(&self, text: &str) -> String {
        if self.content == Content::Full {
            return one_line(text, FIELD);
        }
        let mut text = text.to_owned();
        for (name, masked) in &self.names {
            text = text.replace(name.as_str(), masked);
        }
        one_line(&mask_addresses(&text), FIELD)
    }

    fn part(&self, line: &Line) -> Part {
        let group = if line.group.is_whole() { String::new() } else { format!(": {}", line.group) };
        Part { title: self.text(&format!("{}{group}", line.title)), text: self.text(&line.text) }
    }

    fn group(&self, excess: &Excess) -> String {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let of_mail = excess.of_mail.map(|share| format!(", and {} of all mail", percent(share))).unwrap_or_default();
        let label = excess.label.replace('_', " ");
        self.text(&format!("{label} {}: {} of the failures{of_mail}", excess.key, percent(excess.share)))
    }

    fn reply(&self, sample: &Sample, speech: &Speech<'_>) -> Reply {
        let failure = Failure {
            provider: &sample.provider,
            text: &sample.reply,
            enhanced_code: "",
            stage: Stage::default(),
            deferred: !sample.permanent,
        };
        let verdict = speech.judge.judge(&failure);
        let said = explain::verdict(speech.judge, speech.providers, &verdict, &sample.provider);
        let reply = match self.content {
            Content::Full => one_line(&sample.reply, FIELD),
            Content::Masked => one_line(&template::of(&sample.reply), FIELD),
        };
        let meaning = if said.title.is_empty() { sample.reason.clone() } else { format!("{}: {}", said.title, said.cause) };
        Reply {
            count: sample.weight.max(1),
            reply,
            meaning: one_line(&meaning, FIELD),
            fix: said.steps.first().map(|step| one_line(step, FIELD)).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::condition::{Group, Reading};
    use crate::event::Trend;
    use crate::rule::Severity;

    /// A notice with everything in it, and with what strangers might put there.
    pub(crate) fn notice() -> Notice {
        let group = Group::of("provider", "google");
        Notice {
            id: "00000000000000aa".into(),
            incident: "00000000000000bb".into(),
            answers: None,
            kind: NoticeKind::Fired,
            severity: Severity::Page,
            title: "A provider blocks us: provider google".into(),
            at: 1_762_000_000_000_000 + 12 * Time::MINUTE,
            began: 1_762_000_000_000_000,
            receivers: Vec::new(),
            lines: vec![Line {
                rule: "provider_block".into(),
                title: "A provider blocks us".into(),
                group: group.clone(),
                severity: Severity::Page,
                text: "48 of 50 recipients refused in 5m, usually 0.4 %; alice sends most".into(),
                reading: Reading { group, value: 0.96, limit: 0.5, usual: Some(0.004), ..Reading::default() },
                why: "It does not go away by waiting.".into(),
                runbook: "1. Read the reply.\n2. Run `mailvane check DOMAIN`.\n".into(),
            }],
            contrast: vec![Excess { label: "user".into(), key: "alice".into(), share: 0.92, of_mail: Some(0.1), failures: 44 }],
            samples: vec![Sample {
                weight: 44,
                provider: "google".into(),
                reason: "reputation".into(),
                reply: "550-5.7.1 [192.0.2.1] Our system has detected <script>\r\nBcc: eve@example.org\r\n".into(),
                permanent: true,
                ..Sample::default()
            }],
            young: false,
            summary: Vec::new(),
            trend: Trend { from: 1_762_000_000_000_000, step: Time::MINUTE, accepted: vec![9, 1, 0], refused: vec![0, 20, 28] },
            changes: vec!["user alice sent for the first time".into()],
        }
    }

    pub(crate) fn words(notice: &Notice, content: Content) -> Words {
        let (judge, providers) = (Judge::embedded(), Providers::embedded());
        let speech = Speech {
            judge: &judge,
            providers: &providers,
            zone: Tz::UTC,
            host: "mx1.example.com",
            link: "https://vane.example.com",
            content,
        };
        Words::of(notice, &speech)
    }

    #[test]
    fn a_notice_says_what_since_when_who_and_what_to_do() {
        let words = words(&notice(), Content::Full);
        assert_eq!(words.subject, "[page] A provider blocks us: provider google (mx1.example.com)");
        assert_eq!(words.since, "since 1 Nov 2025 12:26 UTC (12 min)");
        assert_eq!(words.groups, ["user alice: 92 % of the failures, and 10 % of all mail"]);
        assert_eq!(words.next, ["Read the reply.", "Run `mailvane check DOMAIN`."]);
        assert_eq!(words.link, "https://vane.example.com/alerts?incident=00000000000000bb");
        assert!(words.replies[0].meaning.len() > 20 && !words.replies[0].fix.is_empty(), "{:?}", words.replies);
        assert!(!words.replies[0].reply.contains('\n'));
    }

    #[test]
    fn masked_words_name_nobody() {
        let mut notice = notice();
        notice.samples[0].reply = "550 5.1.1 <bob@example.net>: user unknown".into();
        notice.title = "An account sends too much: user alice".into();
        let text = serde_json::to_string(&words(&notice, Content::Masked)).unwrap();
        for name in ["alice", "bob"] {
            assert!(!text.contains(name), "{name} in {text}");
        }
        assert!(text.contains("a***"), "{text}");
    }

    #[test]
    fn what_is_over_says_so_and_gives_no_orders() {
        let notice = Notice { kind: NoticeKind::Resolved, answers: Some("x".into()), ..notice() };
        let words = words(&notice, Content::Full);
        assert!(words.subject.starts_with("[resolved] "), "{}", words.subject);
        assert!(words.next.is_empty() && words.since.contains(" to "), "{words:?}");
    }
}
