//! How long messages may wait, as the mail server of this host is configured: Postfix by two parameters, Exim by its retry rules and by what it does
//! with frozen messages.

use std::process::Command;

/// Without a retry rule that says otherwise, what Exim is delivered with: `F,4d,6h`.
const EXIM: i64 = 4 * 86_400;

/// How long messages may wait, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// Ordinary mail.
    pub(crate) mail: i64,
    /// Notices to senders.
    pub(crate) notices: i64,
    /// Frozen messages are removed after this (Exim's `timeout_frozen_after`); `None` where they stay until somebody comes.
    pub(crate) frozen: Option<i64>,
}

impl Default for Lifetimes {
    /// The five days of Postfix.
    fn default() -> Self {
        Lifetimes { mail: 5 * 86_400, notices: 5 * 86_400, frozen: None }
    }
}

impl Lifetimes {
    /// What Postfix says; `setting` gives the value of a parameter.
    pub(crate) fn of_postfix(setting: impl Fn(&str) -> Option<String>) -> Self {
        let usual = Lifetimes::default();
        let value = |name: &str| crate::pipeline::span::length(setting(name)?.trim()).map(|micros| micros / 1_000_000);
        Lifetimes {
            mail: value("maximal_queue_lifetime").unwrap_or(usual.mail),
            notices: value("bounce_queue_lifetime").unwrap_or(usual.notices),
            frozen: None,
        }
    }

    /// What Exim says; `setting` gives the answer to `exim -bP NAME`.
    ///
    /// A notice that cannot be delivered is frozen when its retry time is over, and thrown away at `ignore_bounce_errors_after`: it is there until the
    /// later of the two.
    pub(crate) fn of_exim(setting: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            let text = setting(name)?;
            text.lines().find_map(|line| line.split_once('=')).and_then(|(_, value)| seconds(value.trim()))
        };
        let mail = setting("config").and_then(|config| retry_time(&config)).unwrap_or(EXIM);
        let notices = value("ignore_bounce_errors_after").map_or(mail, |ignored| ignored.max(mail));
        Lifetimes { mail, notices, frozen: value("timeout_frozen_after").filter(|after| *after > 0) }
    }

    /// What a Postfix or an Exim that is installed here says.
    pub(crate) fn ask_postfix() -> Self {
        Self::of_postfix(|name| run("/usr/sbin/postconf", &["-xh", name]))
    }

    /// The same of Exim.
    pub(crate) fn ask_exim(program: &str) -> Self {
        Self::of_exim(|name| run(program, &["-bP", name]))
    }

    /// In words, for the first screen.
    #[cfg(any(feature = "daemon", test))]
    pub(crate) fn words(&self) -> String {
        let length = |seconds: i64| match seconds {
            seconds if seconds % 86_400 == 0 => format!("{} d", seconds / 86_400),
            seconds if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
            seconds => format!("{} min", seconds / 60),
        };
        let frozen = self.frozen.map(|frozen| format!(", frozen ones {}", length(frozen))).unwrap_or_default();
        format!("messages wait for {} at most, notices to senders for {}{frozen}", length(self.mail), length(self.notices))
    }
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// After how many seconds the retry rules of a configuration (`exim -bP config`) give up: the rule for everything (`* *`), else the longest of all.
fn retry_time(config: &str) -> Option<i64> {
    let is_begin = |line: &&str| line.split_whitespace().next() == Some("begin");
    let mut lines = config.lines().map(str::trim);
    lines.find(|line| is_begin(line) && line.split_whitespace().nth(1) == Some("retry"))?;
    let rules: Vec<(bool, i64)> = lines.take_while(|line| !is_begin(line)).filter_map(rule).collect();
    let general = rules.iter().find(|(is_general, _)| *is_general);
    general.or_else(|| rules.iter().max_by_key(|(_, time)| *time)).map(|(_, time)| *time)
}

/// A retry rule: for which addresses, for which errors, perhaps for which senders, and then `F,2h,15m; G,16h,1h,1.5; F,4d,6h`, whose second parts are
/// the time up to which each applies. Whether it is for everything, and its last time; 0 where there are none, which means no second try.
fn rule(line: &str) -> Option<(bool, i64)> {
    let line = line.split_once(" #").map_or(line, |(rule, _)| rule).trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (pattern, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_once(char::is_whitespace)?,
    };
    let (error, rest) = rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    let rest = rest.trim_start();
    let is_for_senders = rest.starts_with("senders");
    // A list of senders may hold blanks, if it is quoted: what follows it begins with a letter and a comma.
    let is_part = |at: &usize| {
        rest[..*at].ends_with(char::is_whitespace) && [b"F,", b"G,", b"H,"].iter().any(|kind| rest.as_bytes()[*at..].starts_with(*kind))
    };
    let begin =
        if is_for_senders { (1..rest.len()).filter(|at| rest.is_char_boundary(*at)).find(is_part).unwrap_or(rest.len()) } else { 0 };
    let cutoff = |part: &str| {
        let mut fields = part.split(',').map(str::trim);
        let is_known = matches!(fields.next()?, "F" | "G" | "H");
        if is_known { seconds(fields.next()?) } else { None }
    };
    let time = rest[begin..].split(';').filter_map(cutoff).max().unwrap_or(0);
    Some((pattern == "*" && error == "*" && !is_for_senders, time))
}

/// A time of Exim: `4d`, `1w2d`, `90s`, `0s`.
fn seconds(text: &str) -> Option<i64> {
    let (mut total, mut number) = (0_i64, None::<i64>);
    for character in text.chars() {
        if let Some(digit) = character.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(i64::from(digit))?);
            continue;
        }
        let unit = match character {
            'w' => 604_800,
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && !text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
primary_hostname = mx1.example.com
begin routers
  retry_of_nothing:
    driver = accept
begin retry
  # comment
  slow.example * F,1h,10m; F,14d,12h
  * quota
  *@example.net timeout_connect senders=: F,1h,5m
  * * senders=:postmaster@* F,1d,15m
  * * F,2h,15m; G,16h,1h,1.5; F,6d,6h
  * * F,9d,6h

begin rewrite
  *@example.org * F,30d,1h
";

    fn exim(config: &'static str, ignored: &'static str, frozen: &'static str) -> Lifetimes {
        Lifetimes::of_exim(|name| match name {
            "config" => Some(config.to_owned()),
            "ignore_bounce_errors_after" => Some(format!("{name} = {ignored}\n")),
            "timeout_frozen_after" => Some(format!("{name} = {frozen}\n")),
            _ => None,
        })
    }

    #[test]
    fn the_retry_rule_for_everything_says_how_long_mail_waits() {
        let day = 86_400;
        assert_eq!(exim(CONFIG, "2d", "1w"), Lifetimes { mail: 6 * day, notices: 6 * day, frozen: Some(7 * day) });
        assert_eq!(exim(CONFIG, "10w", "0s"), Lifetimes { mail: 6 * day, notices: 70 * day, frozen: None });
        assert_eq!(exim("begin retry\n", "", ""), Lifetimes { mail: 4 * day, notices: 4 * day, frozen: None });
        assert_eq!(exim("begin retry\n  one.example * F,3d,1h\n  two.example * F,1d,1h\n", "2d", "").mail, 3 * day);
        // No second try at all.
        assert_eq!(exim("begin retry\n* *\n", "0s", "").mail, 0);
    }

    #[test]
    fn rules_are_read_with_quotes_and_senders() {
        assert_eq!(rule("\"^.*@slow\\.example\" * F,1h,5m"), Some((false, 3_600)));
        assert_eq!(rule("* * senders=\"a@example.com : F@example.com\" H,2h,10m; H,3d, 1h,2"), Some((false, 3 * 86_400)));
        assert_eq!(rule("*"), None);
    }

    #[test]
    fn postfix_has_two_parameters() {
        let setting = |name: &str| Some(if name == "bounce_queue_lifetime" { "1d\n" } else { "10d" }.to_owned());
        let known = Lifetimes::of_postfix(setting);
        assert_eq!(known, Lifetimes { mail: 10 * 86_400, notices: 86_400, frozen: None });
        assert_eq!(known.words(), "messages wait for 10 d at most, notices to senders for 1 d");
        assert_eq!(Lifetimes::of_postfix(|_| None), Lifetimes::default());
    }

    #[test]
    fn times_have_several_units() {
        assert_eq!([seconds("1w2d"), seconds("0s"), seconds("1h30m")], [Some(777_600), Some(0), Some(5_400)]);
        assert_eq!([seconds(""), seconds("5"), seconds("d"), seconds("9999999999999999999d")], [None; 4]);
    }

    #[test]
    fn a_configuration_may_be_cut_anywhere() {
        for end in 0..=CONFIG.len() {
            let _ = retry_time(&CONFIG[..end]);
        }
        assert_eq!(retry_time("begin retry\nä \" senders=ä\n\"\n* * senders F"), Some(0));
    }
}
