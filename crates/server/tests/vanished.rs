//! From a record in DNS to the mail in the operator's mailbox, through the real daemon: what vanishes pages with the diff, what was never there
//! is a ticket, and silence of a name server is no news at all.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod mailbox;
mod site;
mod zone;

use std::time::Duration;

use mailbox::Mailbox;
use serde_json::Value;
use site::Site;
use zone::{Live, TXT, clean};

/// Longest wait for a mail: the machine may be busy.
const LONGEST: Duration = Duration::from_secs(120);

fn get(site: &Site, path: &str) -> Value {
    site.ask("GET", &format!("/api/v1{path}"), &[], "").json()
}

/// Asks for a run, and waits for its end.
fn run(site: &Site) {
    let last = || get(site, "/probes/dns")["probe"]["last"]["time"].to_string();
    let before = last();
    let mark = get(site, "/session")["csrf"].as_str().unwrap().to_owned();
    assert_eq!(site.ask("POST", "/api/v1/probes/dns/run", &[("x-mailvane-csrf", &mark)], "").status, 202);
    site.wait("a run", || last() != before);
}

/// The notices that speak of findings.
fn notices(site: &Site) -> Vec<Value> {
    let all = get(site, "/alerts/notices");
    all["notices"].as_array().into_iter().flatten().filter(|notice| notice.to_string().contains("example.com")).cloned().collect()
}

fn state(site: &Site, check: &str) -> Value {
    let sheet = get(site, "/domains/example.com");
    sheet["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == check).cloned().unwrap_or_default()
}

#[test]
fn silence_is_no_news_and_a_record_that_vanishes_pages_with_the_diff() {
    let mailbox = Mailbox::open();
    // The policy was never there: that is for a ticket.
    let begin = || clean().without("_dmarc.example.com", TXT);
    let zone = Live::new(begin());
    let config = format!(
        "[domains]\nours = [\"example.com\"]\n[[probe]]\nname = \"dns\"\nschedule = \"0 0 1 1 *\"\nresolvers = [\"{}\"]\nip = [\"192.0.2.10\"]\nselector = [\"s1\"]\n\
         helo = [\"mail.example.com\"]\n[notify.ops]\nemail = [\"ops@example.org\"]\nfrom = \"vane@example.com\"\nsmtp = \"smtp://{}\"\n",
        zone.address, mailbox.address
    );
    let site = Site::start("vanished", &config, &[]);
    site.wait("the first run", || !get(&site, "/probes/dns")["probe"]["last"].is_null());
    run(&site);
    assert_eq!((&state(&site, "spf.record")["state"], &state(&site, "dmarc.record")["state"]), (&"ok".into(), &"problem".into()));
    // The name server falls silent, for run after run.
    zone.set(None);
    run(&site);
    run(&site);
    for check in ["spf.record", "mx.exists"] {
        let finding = state(&site, check);
        // What stood goes on standing, and it is said since when it could not be found out.
        assert!(finding["state"] == "ok" && finding["silent"]["since"].is_string(), "{finding:#}");
    }
    let changes = get(&site, "/domains/example.com")["changes"].to_string();
    assert!(!changes.contains("spf.record") && !changes.contains("mx.exists"), "{changes}");
    // It answers again, and a record is gone: one run says nothing yet, the second one pages.
    zone.set(Some(begin().without("example.com", TXT)));
    run(&site);
    assert!(notices(&site).iter().all(|notice| !notice.to_string().contains("SPF")));
    run(&site);
    let mail = loop {
        let mail = mailbox.next(LONGEST).unwrap_or_else(|| panic!("no mail: {:#}", get(&site, "/alerts")));
        let subject = mail.header("Subject").unwrap();
        if subject.contains("dmarc.record") {
            assert!(subject.starts_with("[ticket]"), "what was never there does not page: {subject}");
        } else if subject.contains("spf.record") {
            assert!(!subject.contains("ticket"), "{subject}");
            break mail.text.replace("=\r\n", "").replace("=3D", "=");
        }
    };
    assert!(mail.contains("It was: v=spf1 mx -all"), "{mail}");
    let open = get(&site, "/alerts").to_string();
    assert!(open.contains("spf.record"), "{open}");
}
