//! The closed lists of words. Each has a written form (in JSON, on pages) and a code (on disk) that never changes.

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $(#[$first_meta:meta])* $first:ident = $first_code:literal $first_word:literal, $($(#[$variant_meta:meta])* $variant:ident = $code:literal $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $(#[$first_meta])*
            #[default]
            $first = $first_code,
            $($(#[$variant_meta])* $variant = $code,)*
        }

        impl $name {
            /// Every value, in the order of the list.
            pub const ALL: &'static [$name] = &[$name::$first, $($name::$variant,)*];

            /// The written form.
            pub const fn word(self) -> &'static str {
                match self { $name::$first => $first_word, $($name::$variant => $word,)* }
            }

            /// The number that stands for it on disk.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The value of a number from disk; `None` for one that this version does not know.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $first_code => Some($name::$first), $($code => Some($name::$variant),)* _ => None }
            }

            /// The value of a written form.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $first_word => Some($name::$first), $($word => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.word())
            }
        }
    };
}

words! {
    /// The software that wrote a line.
    Mta {
        /// Not known.
        Unknown = 0 "unknown",
        /// Postfix.
        Postfix = 1 "postfix",
        /// Exim.
        Exim = 2 "exim",
        /// Sendmail 8.
        Sendmail = 3 "sendmail",
        /// OpenSMTPD.
        OpenSmtpd = 4 "opensmtpd",
        /// Dovecot (logins and local delivery).
        Dovecot = 5 "dovecot",
    }
}

words! {
    /// Whose mail it is, as seen from this server. It belongs to a recipient.
    Direction {
        /// The evidence does not say.
        Unknown = 0 "unknown",
        /// Submitted by a user, a host of ours or a local program, to a remote recipient.
        Outbound = 1 "outbound",
        /// From outside to a mailbox here.
        Inbound = 2 "inbound",
        /// From outside, sent on outside by an alias, a forward or a list.
        Forwarded = 3 "forwarded",
        /// From here to a mailbox here.
        Local = 4 "local",
        /// Only of a message: its recipients differ.
        Mixed = 5 "mixed",
    }
}

words! {
    /// Who took over a delivered message.
    HandedTo {
        /// Nobody, or not known.
        Nobody = 0 "nobody",
        /// A mailbox here (local, virtual, lmtp to a mail store).
        Mailbox = 1 "mailbox",
        /// The recipient's MX.
        Remote = 2 "remote",
        /// A relay host or transport that is not the recipient's MX.
        Smarthost = 3 "smarthost",
        /// A content filter.
        Filter = 4 "filter",
        /// A command.
        Command = 5 "command",
        /// A file.
        File = 6 "file",
    }
}

words! {
    /// How one attempt ended.
    Status {
        /// The next system took the message.
        Delivered = 0 "delivered",
        /// Refused for now; it is tried again.
        Deferred = 1 "deferred",
        /// Refused for good.
        Bounced = 2 "bounced",
        /// Given up after the queue lifetime.
        Expired = 3 "expired",
        /// Thrown away on purpose.
        Discarded = 4 "discarded",
        /// Deleted by an administrator.
        Deleted = 5 "deleted",
        /// Put on hold.
        Held = 6 "held",
        /// Handed to another instance or filter of ours whose log we read.
        InternalHop = 7 "internal_hop",
    }
}

words! {
    /// The final state of one (chain, recipient).
    Outcome {
        /// It is still in a queue.
        Queued = 0 "queued",
        /// Somebody else took over.
        Delivered = 1 "delivered",
        /// Refused for good.
        Bounced = 2 "bounced",
        /// Given up after the queue lifetime.
        Expired = 3 "expired",
        /// Thrown away on purpose.
        Discarded = 4 "discarded",
        /// Deleted by an administrator.
        Deleted = 5 "deleted",
        /// Refused after it had got a queue id (milter, header or body check).
        Rejected = 6 "rejected",
        /// The log does not say.
        Unknown = 7 "unknown",
        /// On hold.
        Held = 8 "held",
    }
}

words! {
    /// The step of an SMTP session in which something happened.
    Stage {
        /// Not known.
        Unknown = 0 "unknown",
        /// On connection, before any command.
        Connect = 1 "connect",
        /// HELO or EHLO.
        Helo = 2 "helo",
        /// MAIL FROM.
        Mail = 3 "mail",
        /// RCPT TO.
        Rcpt = 4 "rcpt",
        /// DATA or BDAT, before the message.
        Data = 5 "data",
        /// After the message (end of DATA).
        EndOfMessage = 6 "end_of_message",
        /// AUTH.
        Auth = 7 "auth",
        /// STARTTLS.
        Starttls = 8 "starttls",
        /// VRFY or EXPN.
        Vrfy = 9 "vrfy",
        /// ETRN.
        Etrn = 10 "etrn",
        /// Any other command.
        Other = 11 "other",
    }
}

words! {
    /// What was done at an inbound refusal.
    Action {
        /// Refused for good (5xx).
        Reject = 0 "reject",
        /// Refused for now (4xx).
        Defer = 1 "defer",
        /// Put on hold.
        Hold = 2 "hold",
        /// Thrown away.
        Discard = 3 "discard",
        /// Only a warning: the mail went on.
        Warn = 4 "warn",
    }
}

words! {
    /// How a login ended.
    AuthResult {
        /// Refused.
        Failed = 0 "failed",
        /// Accepted.
        Ok = 1 "ok",
    }
}

words! {
    /// How grave a notice is.
    Level {
        /// For the record.
        Info = 0 "info",
        /// A warning.
        Warning = 1 "warning",
        /// An error.
        Error = 2 "error",
        /// A daemon gave up.
        Fatal = 3 "fatal",
        /// A daemon found itself broken.
        Panic = 4 "panic",
        /// Lines are missing.
        Gap = 5 "gap",
    }
}

words! {
    /// Which mail a row is about. The default population of every number is `Ordinary`.
    Population {
        /// Mail with a sender.
        Ordinary = 0 "ordinary",
        /// Delivery notifications: the null sender.
        Notification = 1 "notification",
        /// Address verification probes.
        Probe = 2 "probe",
        /// Mailvane's own mail.
        Own = 3 "own",
    }
}

words! {
    /// What a failure is about.
    Scope {
        /// Not known.
        Unknown = 0 "unknown",
        /// The recipient's address or mailbox.
        Recipient = 1 "recipient",
        /// The sender: its address, IP, domain or reputation.
        Sender = 2 "sender",
        /// The message itself.
        Message = 3 "message",
        /// The network, DNS or TLS between the two.
        Network = 4 "network",
        /// This host.
        Local = 5 "local",
    }
}

words! {
    /// Whose fault it is: who must act.
    Fault {
        /// Not known, or nobody's.
        Unknown = 0 "unknown",
        /// Ours: the sending side.
        Us = 1 "us",
        /// The recipient.
        Recipient = 2 "recipient",
        /// The receiving system.
        Receiver = 3 "receiver",
        /// The network in between.
        Network = 4 "network",
    }
}

words! {
    /// The class in a verdict.
    Reason {
        /// No rule and no code says more.
        Unclassified = 0 "unclassified",
        /// The address does not exist.
        UnknownRecipient = 1 "unknown_recipient",
        /// The address existed and is closed, disabled or moved.
        InactiveRecipient = 2 "inactive_recipient",
        /// The recipient's domain does not exist or takes no mail.
        BadDomain = 3 "bad_domain",
        /// The mailbox is over its quota.
        MailboxFull = 4 "mailbox_full",
        /// The recipient's own rule or list keeps us out.
        RecipientPolicy = 5 "recipient_policy",
        /// Greylisting: try again later.
        Greylisted = 6 "greylisted",
        /// Too much mail in too short a time.
        RateLimited = 7 "rate_limited",
        /// Too many connections at once.
        TooManyConnections = 8 "too_many_connections",
        /// The sending IP is on a block list.
        IpBlocklisted = 9 "ip_blocklisted",
        /// The reputation of the sending IP or domain.
        Reputation = 10 "reputation",
        /// SPF did not pass.
        AuthSpf = 11 "auth_spf",
        /// DKIM did not pass.
        AuthDkim = 12 "auth_dkim",
        /// DMARC did not pass.
        AuthDmarc = 13 "auth_dmarc",
        /// The message is not authenticated at all.
        AuthMissing = 14 "auth_missing",
        /// Reverse DNS or the HELO name is wrong.
        PtrHelo = 15 "ptr_helo",
        /// TLS is required or failed.
        TlsFailed = 16 "tls_failed",
        /// The content looks like spam.
        ContentSpam = 17 "content_spam",
        /// A virus or a forbidden attachment.
        VirusAttachment = 18 "virus_attachment",
        /// The message is too large.
        MessageTooLarge = 19 "message_too_large",
        /// The message breaks a format rule.
        FormatError = 20 "format_error",
        /// The far side does not relay for us.
        RelayDenied = 21 "relay_denied",
        /// The sender address is refused.
        SenderRejected = 22 "sender_rejected",
        /// DNS did not answer.
        DnsFailure = 23 "dns_failure",
        /// The connection failed.
        ConnectionFailure = 24 "connection_failure",
        /// Trouble on the far side, for now.
        RemoteTemporary = 25 "remote_temporary",
        /// Trouble on the far side, for good.
        RemoteError = 26 "remote_error",
        /// The two sides do not understand each other.
        ProtocolError = 27 "protocol_error",
        /// The smarthost refuses our credentials.
        SmarthostAuth = 28 "smarthost_auth",
        /// The queue lifetime ended.
        Expired = 29 "expired",
        /// A rule or a fault of this host.
        LocalPolicy = 30 "local_policy",
        /// The message went in circles.
        Loop = 31 "loop",
        /// A spam complaint.
        Complaint = 32 "complaint",
        /// An automatic reply.
        AutoReply = 33 "auto_reply",
    }
}
