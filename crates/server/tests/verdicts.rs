//! Verdicts by the real program: rules of one's own, the suppression list, our own refusals.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verdicts").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn mailvane(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mailvane")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One message to one recipient, tried once.
fn message(log: &mut String, number: u32, day: u32, recipient: &str, result: &str) {
    let head = |second: u32| format!("2026-11-{day:02}T08:00:{second:02}+00:00 mx1 postfix");
    log.push_str(&format!(
        "{}/submission/smtpd[101]: 4A{number:06X}: client=desk.example.com[192.0.2.10], sasl_method=PLAIN, sasl_username=ann\n",
        head(0)
    ));
    log.push_str(&format!("{}/qmgr[103]: 4A{number:06X}: from=<ann@example.com>, size=1200, nrcpt=1 (queue active)\n", head(0)));
    log.push_str(&format!(
        "{}/smtp[104]: 4A{number:06X}: to=<{recipient}>, relay=mx.example.net[198.51.100.7]:25, delay=1, delays=0/0/0/1, {result}\n",
        head(1)
    ));
    log.push_str(&format!("{}/qmgr[103]: 4A{number:06X}: removed\n", head(1)));
}

const UNKNOWN: &str =
    "dsn=5.1.1, status=bounced (host mx.example.net[198.51.100.7] said: 550 5.1.1 user unknown (in reply to RCPT TO command))";
const LISTED: &str = "dsn=5.7.1, status=bounced (host mx.example.net[198.51.100.7] said: 554 5.7.1 blocked using zen.spamhaus.org (in reply to RCPT TO command))";
const SENT: &str = "dsn=2.0.0, status=sent (250 2.0.0 Ok)";

#[test]
fn the_suppression_list_holds_the_dead_and_nobody_else() {
    let mut log = String::new();
    for (number, (day, recipient, result)) in (1..).zip([
        (1, "alive@example.net", SENT),
        (2, "gone@example.net", UNKNOWN),
        (3, "blocked@example.net", LISTED),
        (4, "back@example.net", UNKNOWN),
        (5, "back@example.net", SENT),
    ]) {
        message(&mut log, number, day, recipient, result);
    }
    let path = folder("suppress").join("mail.log");
    std::fs::write(&path, log).unwrap();
    let path = path.display().to_string();
    let csv = mailvane(&["suppress", &path, "--csv"]);
    assert!(csv.status.success(), "{}", text(&csv.stderr));
    let csv = text(&csv.stdout);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[1].starts_with("gone@example.net,gone,unknown_recipient,example.net,550,5.1.1,"), "{csv}");
    let words = text(&mailvane(&["suppress", &path]).stdout);
    assert!(words.starts_with("1 address should not be mailed again:\n  gone@example.net: "), "{words}");
    assert!(words.contains("working again since (1)") && words.contains("back@example.net"), "{words}");
    let json: serde_json::Value = serde_json::from_slice(&mailvane(&["suppress", &path, "--json"]).stdout).unwrap();
    assert_eq!((json["suppress"][0]["bounces"].as_u64(), json["held_back"].as_array().map(Vec::len)), (Some(1), Some(0)));
}

#[test]
fn rules_of_ones_own_win_and_a_typing_error_is_named() {
    let folder = folder("rules");
    let pack = "[[rule]]\nid = \"no\"\nreason = \"recipient_policy\"\nany = [\"computer says no\"]\n";
    std::fs::write(folder.join("mine.toml"), pack).unwrap();
    let rules = folder.display().to_string();
    let told = mailvane(&["explain", "--json", "--rules", &rules, "550 5.1.1 computer says no"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((told["rule"].as_str(), told["reason"].as_str()), (Some("mine/no"), Some("recipient_policy")));
    std::fs::write(folder.join("mine.toml"), pack.replace("recipient_policy", "recipient_polcy")).unwrap();
    let told = mailvane(&["explain", "--rules", &rules, "550 no"]);
    assert_eq!(told.status.code(), Some(2));
    let said = text(&told.stderr);
    assert!(said.contains("mine.toml:3: ") && said.contains("did you mean \"recipient_policy\"?"), "{said}");
}

#[test]
fn our_own_refusal_is_our_own_trouble_and_a_template_has_no_frame() {
    let explain = |reply: &str| -> serde_json::Value { serde_json::from_slice(&mailvane(&["explain", "--json", reply]).stdout).unwrap() };
    let refused = explain(
        "Nov  2 08:00:00 mx1 postfix/smtpd[108]: NOQUEUE: reject: RCPT from unknown[203.0.113.5]: 451 4.3.5 <a@example.com>: Recipient address rejected: Server configuration problem; from=<x@example.net> to=<a@example.com> proto=ESMTP helo=<x>",
    );
    assert_eq!(
        (refused["reason"].as_str(), refused["scope"].as_str(), refused["fault"].as_str()),
        (Some("local_policy"), Some("local"), Some("us"))
    );
    assert_eq!(explain("451 4.3.5 Server configuration problem")["reason"], "remote_temporary");
    let framed = explain("host mx.example.net[192.0.2.5] said: 452 4.2.2 <joe@example.net> mailbox full (in reply to RCPT TO command)");
    assert_eq!(framed["template"], "452 4.2.2 <{address}> mailbox full");
}
