//! The facts: one row each, and columns of rows. Field names are those of `mailvane events`.
//!
//! Strings: empty means absent. Ids: 0 means none. Times are log times in UTC.

use crate::column::{Addresses, Column, Positions, Streams, Strings, Values};
use crate::id::Position;
use crate::time::Time;
use crate::word::{Action, AuthResult, Direction, Fault, HandedTo, Level, Outcome, Population, Reason, Scope, Stage, Status};

macro_rules! rows {
    ($(#[$meta:meta])* $row:ident, $columns:ident { $($(#[$field_meta:meta])* $field:ident: $column:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $row<'a> {
            $($(#[$field_meta])* pub $field: <$column as Column>::Item<'a>,)+
        }

        #[doc = concat!("Columns of [`", stringify!($row), "`].")]
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $columns {
            $($(#[$field_meta])* pub $field: $column,)+
        }

        impl $columns {
            /// Adds a row.
            pub fn push(&mut self, row: &$row<'_>) {
                $(self.$field.push(row.$field);)+
            }

            /// The row at `index`. Panics past the end, as a slice does.
            pub fn get(&self, index: usize) -> $row<'_> {
                $row { $($field: self.$field.get(index),)+ }
            }

            /// How many rows there are.
            pub fn len(&self) -> usize {
                self.id.0.len()
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.id.0.is_empty()
            }

            /// Every row in order.
            pub fn iter(&self) -> impl Iterator<Item = $row<'_>> {
                (0..self.len()).map(|index| self.get(index))
            }

            /// The bytes it holds, roughly.
            pub fn size(&self) -> usize {
                0 $(+ self.$field.size())+
            }
        }
    };
}

rows! {
    /// One queue-id lifetime on one stream: a hop.
    MessageRow, MessageColumns {
        /// The id of the life: from the position of its first line.
        id: Values<u64>,
        /// Which revision of the row this is.
        rev: Values<u32>,
        /// When it arrived (the log time of its first line).
        time: Values<Time>,
        /// The stream.
        stream: Streams,
        /// The queue id.
        queue_id: Strings,
        /// The Message-ID header, with its angle brackets if the log had them.
        message_id: Strings,
        /// The envelope sender as logged.
        sender: Addresses,
        /// Bytes, as the queue manager counts them.
        size: Values<Option<u64>>,
        /// Envelope recipients at the first activation (`nrcpt`).
        recipients: Values<Option<u32>>,
        /// The client's verified host name, `unknown` where Postfix says so.
        client_name: Strings,
        /// The client's address.
        client_ip: Strings,
        /// The SASL user name.
        sasl_user: Strings,
        /// The service it came in by (`submission`, `smtps`, `pickup`), where the log names it.
        service: Strings,
        /// The direction of its recipients, or mixed.
        direction: Values<Direction>,
        /// Which mail it is.
        population: Values<Population>,
        /// When its last recipient was done and it left the queue.
        removed: Values<Option<Time>>,
        /// The id of the first hop of its chain; its own id when it is the first.
        chain: Values<u64>,
        /// The id of the hop before it.
        previous_hop: Values<u64>,
        /// The id of a hop after it (the first found).
        next_hop: Values<u64>,
        /// The id of the message that this delivery notification is about.
        bounce_of: Values<u64>,
        /// All its lines.
        lines: Positions,
    }
}

rows! {
    /// One try to deliver one message to one recipient.
    AttemptRow, AttemptColumns {
        /// The id of the event.
        id: Values<u64>,
        /// The id of the message.
        message: Values<u64>,
        /// When it ended (log time of its line).
        time: Values<Time>,
        /// When the message arrived.
        arrived: Values<Time>,
        /// The stream.
        stream: Streams,
        /// The line that made it.
        position: Values<Position>,
        /// The queue id.
        queue_id: Strings,
        /// The Message-ID header.
        message_id: Strings,
        /// The envelope sender.
        sender: Addresses,
        /// The recipient that was tried.
        recipient: Addresses,
        /// The recipient before alias expansion, where it differs.
        orig_recipient: Addresses,
        /// The SASL user name of the message.
        sasl_user: Strings,
        /// The client address of the message.
        client_ip: Strings,
        /// The host that was tried, also where it did not answer (`reply_code` is 0 then); `local`, `virtual`, a transport name, or empty.
        relay_host: Strings,
        /// Its address.
        relay_ip: Strings,
        /// Its port.
        relay_port: Values<u16>,
        /// Who runs the receiving system.
        provider: Strings,
        /// Whose mail it is.
        direction: Values<Direction>,
        /// Who took over.
        handed_to: Values<HandedTo>,
        /// How it ended.
        status: Values<Status>,
        /// Which mail it is.
        population: Values<Population>,
        /// Whether the far side was contacted at all (false for `delivery temporarily suspended` and the like).
        contacted: Values<bool>,
        /// The basic reply code, 0 when there was none.
        reply_code: Values<u16>,
        /// The enhanced status code, `5.1.1`.
        enhanced_code: Strings,
        /// The reply or reason, as logged.
        reply_text: Strings,
        /// The step of the session that the reply answers.
        stage: Values<Stage>,
        /// What it means; `None` for a success.
        reason: Values<Option<Reason>>,
        /// What the failure is about.
        scope: Values<Scope>,
        /// Whose fault it is.
        fault: Values<Fault>,
        /// Whether it was called final.
        permanent: Values<bool>,
        /// Whether a retry can succeed.
        retry: Values<bool>,
        /// The rule that gave the reason.
        rule: Strings,
        /// Confidence in the verdict, percent.
        confidence: Values<u8>,
        /// The version of the rules that judged it; 0 for a success, and where it is not known.
        rules: Values<u32>,
        /// Milliseconds from arrival to the end of this attempt.
        delay_ms: Values<Option<u32>>,
        /// Milliseconds before the queue manager, in the queue, in connection set-up, in transmission.
        delays_ms: Values<Option<[u32; 4]>>,
        /// The how-manieth try for this recipient on this hop, from 1.
        attempt: Values<u32>,
        /// When this recipient was tried on this hop before (the last time); `None` at the first try. With it the recipients
        /// tried in a span of time are counted once each without looking at other rows.
        previous: Values<Option<Time>>,
        /// Whether this is the first deferred attempt of the message on this hop, over all its recipients.
        first_deferral: Values<bool>,
        /// Bytes of the message.
        size: Values<Option<u64>>,
        /// `TLSv1.3` and the like; empty without TLS or when the log does not say.
        tls_version: Strings,
        /// The cipher.
        tls_cipher: Strings,
        /// How far the peer was verified (`untrusted`, `trusted`, `verified`, `anonymous`), or the summary of Postfix 3.11 and later.
        tls_verification: Strings,
    }
}

rows! {
    /// The final state of one (chain, recipient).
    OutcomeRow, OutcomeColumns {
        /// The id of the event.
        id: Values<u64>,
        /// Which revision of the row this is.
        rev: Values<u32>,
        /// When it became final; the time of the last line seen while it is queued.
        time: Values<Time>,
        /// When the first hop arrived.
        arrived: Values<Time>,
        /// The stream of the first hop.
        stream: Streams,
        /// The id of the first hop.
        message: Values<u64>,
        /// The id of the last hop.
        last_message: Values<u64>,
        /// The queue id of the first hop.
        queue_id: Strings,
        /// The queue id of the last hop.
        last_queue_id: Strings,
        /// The Message-ID header.
        message_id: Strings,
        /// The envelope sender.
        sender: Addresses,
        /// The final recipient.
        recipient: Addresses,
        /// The recipient as first addressed, where it differs.
        orig_recipient: Addresses,
        /// The SASL user name of the first hop.
        sasl_user: Strings,
        /// The client address of the first hop.
        client_ip: Strings,
        /// Whose mail it is.
        direction: Values<Direction>,
        /// Which mail it is.
        population: Values<Population>,
        /// Who took over.
        handed_to: Values<HandedTo>,
        /// The final state.
        outcome: Values<Outcome>,
        /// All attempts, over all hops, without those that only handed it on inside.
        attempts: Values<u32>,
        /// Deferred attempts, over all hops.
        deferrals: Values<u32>,
        /// Deferred attempts whose reason was greylisting.
        greylisted: Values<u32>,
        /// When it was first tried.
        first_attempt: Values<Option<Time>>,
        /// When it was last tried.
        last_attempt: Values<Option<Time>>,
        /// The last basic reply code, 0 when there was none.
        reply_code: Values<u16>,
        /// The last enhanced status code.
        enhanced_code: Strings,
        /// The last reply or reason.
        reply_text: Strings,
        /// The last host tried; it answered where there is a `reply_code`.
        relay_host: Strings,
        /// Its address.
        relay_ip: Strings,
        /// Who runs it.
        provider: Strings,
        /// What the failure means; of an expired recipient the reason of the last attempt. `None` for a success.
        reason: Values<Option<Reason>>,
        /// What the failure is about.
        scope: Values<Scope>,
        /// Whose fault it is.
        fault: Values<Fault>,
        /// Whether the last reply was called final.
        permanent: Values<bool>,
        /// Bytes of the message.
        size: Values<Option<u64>>,
        /// Milliseconds from the arrival at the first hop to this state.
        delay_ms: Values<Option<u64>>,
        /// In words, where the state needs one (`left our sight at the filter`).
        note: Strings,
    }
}

rows! {
    /// An inbound refusal at SMTP time.
    RejectionRow, RejectionColumns {
        /// The id of the event.
        id: Values<u64>,
        /// When.
        time: Values<Time>,
        /// The stream.
        stream: Streams,
        /// The line that made it.
        position: Values<Position>,
        /// The queue id, where one had been given.
        queue_id: Strings,
        /// The client's host name.
        client_name: Strings,
        /// The client's address.
        client_ip: Strings,
        /// What the client called itself.
        helo: Strings,
        /// The service it came in by.
        service: Strings,
        /// The step of the session.
        stage: Values<Stage>,
        /// The envelope sender.
        sender: Addresses,
        /// The recipient, where the refusal is about one.
        recipient: Addresses,
        /// The SASL user name.
        sasl_user: Strings,
        /// Our basic reply code, 0 when there was none.
        reply_code: Values<u16>,
        /// Our enhanced status code.
        enhanced_code: Strings,
        /// Our reply.
        reply_text: Strings,
        /// What it means.
        reason: Values<Reason>,
        /// The rule that gave the reason.
        rule: Strings,
        /// What was done.
        action: Values<Action>,
    }
}

rows! {
    /// A login attempt.
    AuthRow, AuthColumns {
        /// The id of the event.
        id: Values<u64>,
        /// When.
        time: Values<Time>,
        /// The stream.
        stream: Streams,
        /// The line that made it.
        position: Values<Position>,
        /// The client's host name.
        client_name: Strings,
        /// The client's address.
        client_ip: Strings,
        /// The user name, where the log has it.
        user: Strings,
        /// `PLAIN`, `LOGIN`, ...
        method: Strings,
        /// How it ended.
        result: Values<AuthResult>,
        /// The answer or reason.
        reply_text: Strings,
    }
}

rows! {
    /// An inbound connection that ended.
    SessionRow, SessionColumns {
        /// The id of the event.
        id: Values<u64>,
        /// When it ended.
        time: Values<Time>,
        /// The stream.
        stream: Streams,
        /// The line that ended it.
        position: Values<Position>,
        /// The client's host name.
        client_name: Strings,
        /// The client's address.
        client_ip: Strings,
        /// The service it came in by.
        service: Strings,
        /// TLS version and cipher, where the log has them.
        tls: Strings,
        /// The commands with their counts (`ehlo=1 mail=1 rcpt=0/1`).
        commands: Strings,
        /// The step in which the connection was lost; unknown when it was not.
        lost_after: Values<Stage>,
        /// How many messages it brought.
        messages: Values<u32>,
    }
}

rows! {
    /// Something a person should know.
    NoticeRow, NoticeColumns {
        /// The id of the event.
        id: Values<u64>,
        /// When.
        time: Values<Time>,
        /// The stream.
        stream: Streams,
        /// The line that made it.
        position: Values<Position>,
        /// The daemon.
        daemon: Strings,
        /// How grave it is.
        level: Values<Level>,
        /// The text.
        text: Strings,
    }
}

/// Rows of every kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Messages.
    pub messages: MessageColumns,
    /// The former state of messages that were revised, so that sums can be corrected.
    pub replaced_messages: MessageColumns,
    /// Attempts.
    pub attempts: AttemptColumns,
    /// Outcomes.
    pub outcomes: OutcomeColumns,
    /// The former state of outcomes that were revised, so that sums can be corrected.
    pub replaced_outcomes: OutcomeColumns,
    /// Rejections.
    pub rejections: RejectionColumns,
    /// Logins.
    pub auths: AuthColumns,
    /// Connections.
    pub sessions: SessionColumns,
    /// Notices.
    pub notices: NoticeColumns,
}

impl Batch {
    /// How many rows there are, of all kinds.
    pub fn len(&self) -> usize {
        self.messages.len()
            + self.attempts.len()
            + self.outcomes.len()
            + self.rejections.len()
            + self.auths.len()
            + self.sessions.len()
            + self.notices.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is nothing in it to keep: neither rows nor what they replace.
    pub fn has_nothing(&self) -> bool {
        self.is_empty() && self.replaced_messages.is_empty() && self.replaced_outcomes.is_empty()
    }

    /// The bytes it holds, roughly.
    pub fn size(&self) -> usize {
        self.messages.size()
            + self.replaced_messages.size()
            + self.attempts.size()
            + self.outcomes.size()
            + self.replaced_outcomes.size()
            + self.rejections.size()
            + self.auths.size()
            + self.sessions.size()
            + self.notices.size()
    }
}
