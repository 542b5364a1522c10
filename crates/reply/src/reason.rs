//! What each reason means unless a rule says otherwise: scope, fault, and whether a retry can help.

use mailvane_model::word::{Fault, Reason, Scope};

/// Whether trying the same message again can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Yes, even if the far side called it final.
    Always,
    /// No: somebody must change something first.
    Never,
    /// As the code says: yes unless final.
    ByCode,
}

/// The meaning of a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// What it is about.
    pub scope: Scope,
    /// Who must act.
    pub fault: Fault,
    /// Whether a retry can help.
    pub retry: Retry,
    /// Never final, whatever the code says: it passes by itself.
    pub passing: bool,
}

/// The meaning of a reason.
pub const fn meaning(reason: Reason) -> Meaning {
    let (scope, fault, retry, passing) = match reason {
        Reason::Unclassified => (Scope::Unknown, Fault::Unknown, Retry::ByCode, false),
        Reason::UnknownRecipient | Reason::BadDomain => (Scope::Recipient, Fault::Us, Retry::Never, false),
        Reason::InactiveRecipient => (Scope::Recipient, Fault::Recipient, Retry::Never, false),
        Reason::MailboxFull => (Scope::Recipient, Fault::Recipient, Retry::Always, true),
        Reason::RecipientPolicy => (Scope::Recipient, Fault::Recipient, Retry::Never, false),
        Reason::Greylisted => (Scope::Sender, Fault::Unknown, Retry::Always, true),
        Reason::RateLimited | Reason::TooManyConnections => (Scope::Sender, Fault::Us, Retry::Always, false),
        Reason::IpBlocklisted | Reason::AuthSpf | Reason::AuthDkim | Reason::AuthDmarc | Reason::AuthMissing => {
            (Scope::Sender, Fault::Us, Retry::Never, false)
        }
        Reason::Reputation | Reason::PtrHelo | Reason::SenderRejected => (Scope::Sender, Fault::Us, Retry::ByCode, false),
        Reason::TlsFailed => (Scope::Network, Fault::Receiver, Retry::ByCode, false),
        Reason::ContentSpam => (Scope::Message, Fault::Us, Retry::ByCode, false),
        Reason::VirusAttachment | Reason::MessageTooLarge | Reason::FormatError => (Scope::Message, Fault::Us, Retry::Never, false),
        Reason::RelayDenied => (Scope::Sender, Fault::Us, Retry::Never, false),
        Reason::DnsFailure => (Scope::Network, Fault::Network, Retry::Always, false),
        Reason::ConnectionFailure => (Scope::Network, Fault::Receiver, Retry::Always, false),
        Reason::RemoteTemporary => (Scope::Network, Fault::Receiver, Retry::Always, false),
        Reason::RemoteError => (Scope::Network, Fault::Receiver, Retry::ByCode, false),
        Reason::ProtocolError => (Scope::Network, Fault::Us, Retry::ByCode, false),
        Reason::SmarthostAuth => (Scope::Local, Fault::Us, Retry::Never, false),
        Reason::Expired => (Scope::Network, Fault::Receiver, Retry::Never, false),
        Reason::LocalPolicy => (Scope::Local, Fault::Us, Retry::ByCode, false),
        Reason::Loop => (Scope::Local, Fault::Us, Retry::Never, false),
        Reason::Complaint => (Scope::Recipient, Fault::Us, Retry::Never, false),
        Reason::AutoReply => (Scope::Recipient, Fault::Unknown, Retry::Never, true),
    };
    Meaning { scope, fault, retry, passing }
}
