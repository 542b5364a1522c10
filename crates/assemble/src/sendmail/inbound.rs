//! Lines of the server: decisions of rules and filters, TLS.

use mailvane_model::Sink;
use mailvane_model::word::{Action, Level, Stage};
use mailvane_parse::mta::sendmail::{Decision, Event, Line, Verdict};
use mailvane_parse::record::Client;

use crate::assembler::{Assembler, Here};
use crate::inbound::Refusal;
use crate::life::Flags;
use crate::reply;
use crate::text;

impl Assembler {
    /// A ruleset or a filter decided.
    pub(super) fn sendmail_decision(&mut self, here: Here, id: Option<&[u8]>, decision: &Decision<'_>, sink: &mut impl Sink) {
        if matches!(decision.ruleset, b"tls_server" | b"tls_rcpt" | b"try_tls" | b"tls_clt_features") {
            // About our own outgoing connection: the attempt itself says what became of the mail.
            let text = format!("{}: {}", text::lossy(decision.ruleset), text::lossy(decision.text));
            return self.notice(here, "sendmail", Level::Warning, &text, sink);
        }
        let stage = stage(decision);
        let mut refusal = Refusal {
            queue_id: id.unwrap_or_default(),
            client: decision.client,
            stage,
            text: decision.text,
            action: match decision.verdict {
                Verdict::Reject => Action::Reject,
                Verdict::Discard => Action::Discard,
                Verdict::Quarantine => Action::Hold,
            },
            ..Refusal::default()
        };
        match stage {
            Stage::Mail => refusal.sender = Some(decision.argument),
            Stage::Rcpt => refusal.recipient = decision.argument,
            Stage::Helo => refusal.helo = decision.argument,
            _ => {}
        }
        self.refused(here, &refusal, sink);
        let whole = matches!(stage, Stage::Data | Stage::EndOfMessage);
        let Some(id) = id.filter(|_| whole || decision.verdict != Verdict::Reject) else { return };
        let at = self.known_or_new(here, id, sink);
        let Some(life) = self.lives.get_mut(at) else { return };
        match decision.verdict {
            Verdict::Quarantine => life.flags.set(Flags::HELD),
            // Its recipients follow, with the same words.
            Verdict::Discard => {}
            Verdict::Reject => {
                life.flags.set(Flags::REJECTED | Flags::CANCELED);
                self.await_late(at, here.time);
            }
        }
    }

    /// TLS in either direction.
    pub(super) fn sendmail_tls(&mut self, here: Here, line: &Line<'_>, sink: &mut impl Sink) {
        match &line.event {
            Event::Tls { inbound: true, relay, version, verification, cipher, .. } => {
                self.meet(here, relay);
                self.tls(here, true, verification, relay, version, cipher);
            }
            // The other end is named by its host alone.
            Event::Tls { inbound: false, relay, version, verification, cipher, .. } => {
                let peer = Client { ip: relay.name, ..*relay };
                self.tls(here, false, verification, &peer, version, cipher);
            }
            Event::TlsFailed { inbound, text, .. } => {
                let level = if *inbound { Level::Info } else { Level::Warning };
                if !inbound && let Some(pid) = here.pid {
                    self.sessions.drop_tls((here.stream, pid));
                }
                self.notice(here, "sendmail", level, &text::lossy(text), sink);
            }
            _ => {}
        }
    }
}

/// The step of a decision.
fn stage(decision: &Decision<'_>) -> Stage {
    if decision.ruleset.is_empty() {
        return stage_of_word(decision.step);
    }
    match decision.ruleset {
        b"check_relay" | b"check_rate" | b"greet_pause" | b"ratecontrol" | b"conncontrol" => Stage::Connect,
        b"check_mail" | b"checkcompat_mail" => Stage::Mail,
        b"check_rcpt" | b"check_compat" => Stage::Rcpt,
        b"check_data" => Stage::Data,
        b"check_vrfy" | b"check_expn" => Stage::Vrfy,
        b"check_etrn" => Stage::Etrn,
        b"tls_client" => Stage::Starttls,
        b"check_auth" | b"Local_trust_auth" => Stage::Auth,
        // `check_eoh`, `check_eom`, and the checks of single headers.
        _ => Stage::EndOfMessage,
    }
}

/// The step of a word: of a filter, or after which a connection was lost.
pub(super) fn stage_of_word(word: &[u8]) -> Stage {
    match word {
        b"connect" | b"startup" => Stage::Connect,
        b"from" | b"mail" | b"env_from" => Stage::Mail,
        b"to" | b"rcpt" | b"env_to" => Stage::Rcpt,
        b"eom" | b"eoh" | b"header" | b"body" | b"message" => Stage::EndOfMessage,
        b"startTLS" => Stage::Starttls,
        _ => reply::inbound_stage(word),
    }
}
