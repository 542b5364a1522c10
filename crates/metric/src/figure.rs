//! The figures: what is counted, each with its name and a code that never changes.
//!
//! A figure of [`Figure`] belongs to a [`Traffic`]: whose mail, which direction. A figure of [`Door`] belongs to no message.

use mailvane_model::word::{Direction, Population};

macro_rules! figures {
    ($(#[$meta:meta])* $name:ident[$size:literal] { $($(#[$variant_meta:meta])* $variant:ident = $code:literal $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$variant_meta])* $variant = $code,)+
        }

        impl $name {
            /// Every figure, by code.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// One more than the highest code that there can be.
            pub const SIZE: usize = $size;

            /// The written form.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The number that stands for it on disk.
            pub const fn code(self) -> u8 {
                self as u8
            }
        }
    };
}

figures! {
    /// What is counted of mail. Attempts count at their own time, outcomes at the time they became final, messages at arrival.
    Figure[40] {
        /// Attempts: delivered, deferred and bounced. Expiry, deletion, holding and handing on inside this server are no attempts.
        Attempts = 0 "attempts",
        /// Attempts that the next system accepted. A recipient is accepted once, so these are recipients, too.
        Accepted = 1 "accepted",
        /// Deferred attempts.
        DeferredAttempts = 2 "deferred_attempts",
        /// Deferred attempts, of them: by greylisting.
        GreylistedAttempts = 3 "greylisted_attempts",
        /// Deferred attempts, of them: without contact (delivery temporarily suspended).
        SuspendedAttempts = 4 "suspended_attempts",
        /// Recipients with an attempt in the bucket, each once.
        Recipients = 5 "recipients",
        /// Recipients with a deferred attempt in the bucket, each once.
        RecipientsDeferred = 6 "recipients_deferred",
        /// Recipients whose first attempt in the bucket was greylisted, each once: part of the deferred.
        RecipientsGreylisted = 7 "recipients_greylisted",
        /// Recipients tried for the first time.
        RecipientsFirstTried = 8 "recipients_first_tried",
        /// Recipients deferred for the first time: "ever deferred", each once over all time.
        RecipientsFirstDeferred = 9 "recipients_first_deferred",
        /// Messages deferred for the first time: "ever deferred", each once over all time.
        MessagesFirstDeferred = 10 "messages_first_deferred",
        /// Attempts refused for good.
        RefusedAttempts = 11 "refused_attempts",
        /// Deliveries to another instance or filter of ours whose log we read. Part of nothing else.
        InternalHops = 12 "internal_hops",

        /// Recipients whose mail somebody else took over, other than a smarthost.
        Delivered = 16 "delivered",
        /// Recipients whose mail a smarthost took over: beside delivered, not inside it.
        Relayed = 17 "relayed",
        /// Recipients refused for good.
        Bounced = 18 "bounced",
        /// Recipients refused for good, of them: because of the recipient, and permanently.
        BouncedHard = 19 "bounced_hard",
        /// Recipients given up after the queue lifetime.
        Expired = 20 "expired",
        /// Bytes delivered or relayed, once for each recipient.
        DeliveredBytes = 21 "delivered_bytes",
        /// Recipients with a final state that had been deferred before.
        FinalDeferred = 22 "final_deferred",
        /// Recipients with a final state that had been greylisted before.
        FinalGreylisted = 23 "final_greylisted",
        /// Delivered, of them: to a mailbox here.
        DeliveredToMailbox = 24 "delivered_to_mailbox",
        /// Delivered, of them: to the recipient's MX.
        DeliveredToRemote = 25 "delivered_to_remote",
        /// Delivered, of them: to a content filter.
        DeliveredToFilter = 26 "delivered_to_filter",
        /// Delivered, of them: to a command.
        DeliveredToCommand = 27 "delivered_to_command",
        /// Delivered, of them: to a file.
        DeliveredToFile = 28 "delivered_to_file",
        /// Recipients whose mail was thrown away on purpose.
        Discarded = 29 "discarded",
        /// Recipients whose mail an administrator deleted.
        Deleted = 30 "deleted",
        /// Recipients whose mail is on hold.
        Held = 31 "held",
        /// Recipients whose mail was refused after it had got a queue id.
        Rejected = 32 "rejected",
        /// Recipients of whom the log does not say what became of the mail.
        Unknown = 33 "unknown",
        /// Recipients whose mail is in a queue.
        Queued = 34 "queued",

        /// Messages that arrived (first hops).
        Received = 36 "received",
        /// Their bytes.
        ReceivedBytes = 37 "received_bytes",
        /// Their envelope recipients.
        ReceivedRecipients = 38 "received_recipients",
    }
}

figures! {
    /// What is counted at the door and of the server itself.
    Door[16] {
        /// Refusals for good at SMTP time.
        Rejected = 0 "rejected",
        /// Refusals for now at SMTP time.
        RejectedTemporarily = 1 "rejected_temporarily",
        /// Policy put it on hold.
        Held = 2 "held",
        /// Policy threw it away.
        Discarded = 3 "discarded",
        /// Policy only warned.
        Warned = 4 "warned",
        /// Logins refused.
        AuthFailed = 5 "auth_failed",
        /// Logins accepted.
        AuthOk = 6 "auth_ok",
        /// Inbound connections that ended.
        Sessions = 7 "sessions",
        /// Inbound connections, of them: lost before their end.
        SessionsLost = 8 "sessions_lost",
        /// Warnings of mail daemons.
        Warnings = 9 "warnings",
        /// Errors of mail daemons.
        Errors = 10 "errors",
        /// Fatal errors of mail daemons.
        Fatals = 11 "fatals",
        /// Panics of mail daemons.
        Panics = 12 "panics",
        /// Gaps: lines that are missing.
        Gaps = 13 "gaps",
    }
}

figures! {
    /// What is kept as a histogram.
    Spread[8] {
        /// Milliseconds from arrival at the first hop to delivery, of delivered and relayed recipients.
        Delay = 0 "delay",
        /// Milliseconds before the queue manager, of accepted attempts (Postfix delay a).
        DelayBefore = 1 "delay_a",
        /// Milliseconds in the queue (b).
        DelayQueued = 2 "delay_b",
        /// Milliseconds of connection set-up (c).
        DelayConnecting = 3 "delay_c",
        /// Milliseconds of transmission (d).
        DelaySending = 4 "delay_d",
        /// Seconds since the attempt before, of deferred retries.
        DeferredGap = 5 "deferred_gap",
        /// Seconds since the attempt before, of retries with a final result.
        FinalGap = 6 "final_gap",
    }
}

/// Whose mail, and in which direction: figures of two traffics are never added without saying so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Traffic {
    /// Ordinary mail, notifications, probes or our own.
    pub population: Population,
    /// The direction.
    pub direction: Direction,
}

impl Traffic {
    /// The default population of every number: outbound mail to remote recipients, without notifications, probes and our own.
    pub const DEFAULT: Traffic = Traffic { population: Population::Ordinary, direction: Direction::Outbound };
    /// One more than the highest code.
    pub const SIZE: usize = 32;

    /// Of a population and a direction.
    pub const fn of(population: Population, direction: Direction) -> Self {
        Traffic { population, direction }
    }

    /// The number that stands for it on disk, below [`Traffic::SIZE`].
    #[inline]
    pub const fn code(self) -> u8 {
        self.population.code() * 8 + self.direction.code()
    }

    /// The traffic of a number from disk.
    pub const fn from_code(code: u8) -> Option<Self> {
        match (Population::from_code(code / 8), Direction::from_code(code % 8)) {
            (Some(population), Some(direction)) => Some(Traffic { population, direction }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stay_in_their_tables() {
        assert!(Figure::ALL.iter().all(|figure| usize::from(figure.code()) < Figure::SIZE));
        assert!(Door::ALL.iter().all(|figure| usize::from(figure.code()) < Door::SIZE));
        assert!(Spread::ALL.iter().all(|spread| usize::from(spread.code()) < Spread::SIZE));
        for population in Population::ALL {
            for direction in Direction::ALL {
                let traffic = Traffic::of(*population, *direction);
                assert!(usize::from(traffic.code()) < Traffic::SIZE);
                assert_eq!(Traffic::from_code(traffic.code()), Some(traffic));
            }
        }
        assert_eq!(Traffic::from_code(255), None);
    }
}
