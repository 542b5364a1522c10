//! The columns of every kind of row, listed once: whatever goes over all columns (encoding, sorting, Parquet) is here.
//!
//! The lists are exhaustive on purpose: a field added to the model does not compile here until its place on disk is decided.

pub(crate) mod arrow;
pub(crate) mod bytes;
pub(crate) mod packed;
pub(crate) mod rows;

use mailvane_model::Time;
use mailvane_model::row::{AttemptColumns, AuthColumns, MessageColumns, NoticeColumns, OutcomeColumns, RejectionColumns, SessionColumns};

use crate::error::Result;
use crate::kind::Kind;
use arrow::{Arrays, Arrowed, Source};
use bytes::Bytes;
use rows::Pick;

/// Columns of one kind of row.
pub(crate) trait Table: Default + Clone + PartialEq {
    /// The kind.
    const KIND: Kind;
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// The ids.
    fn ids(&self) -> &[u64];
    /// The times.
    fn times(&self) -> &[Time];
    /// The revisions; `None` for a kind that is never revised.
    fn revs(&self) -> Option<&[u32]>;
    /// Adds every column in the packed form: name, length, bytes.
    fn pack(&self, out: &mut Vec<u8>);
    /// Reads what `pack` wrote for `rows` rows. Columns of other versions are skipped; missing ones have default values.
    fn unpack(input: &mut Bytes<'_>, rows: usize) -> Result<Self>;
    /// The given rows, in the given order.
    fn pick(&self, order: &[u32]) -> Self;
    /// Adds the rows of another table.
    fn append(&mut self, other: &Self);
    /// Adds every column but those in `left_out` as arrays.
    fn arrays(&self, left_out: &[&str], out: &mut Arrays);
    /// Reads every column that `source` has; the others get default values.
    fn read(source: &Source<'_>) -> Result<Self>;
}

macro_rules! table {
    ($columns:ident, $kind:ident, $revs:expr, { $($field:ident)+ }) => {
        impl Table for $columns {
            const KIND: Kind = Kind::$kind;

            fn rows(&self) -> usize {
                self.id.0.len()
            }

            fn ids(&self) -> &[u64] {
                &self.id.0
            }

            fn times(&self) -> &[Time] {
                &self.time.0
            }

            fn revs(&self) -> Option<&[u32]> {
                let revs: fn(&$columns) -> Option<&[u32]> = $revs;
                revs(self)
            }

            fn pack(&self, out: &mut Vec<u8>) {
                let $columns { $($field),+ } = self;
                let columns = [$(stringify!($field)),+].len();
                bytes::put_varint(out, columns as u64);
                $(packed::put_column(out, stringify!($field), $field);)+
            }

            fn unpack(input: &mut Bytes<'_>, rows: usize) -> Result<Self> {
                let mut table = Self::default();
                let columns = packed::columns(input, rows)?;
                $(table.$field = packed::get_column(&columns, stringify!($field), rows)?;)+
                Ok(table)
            }

            fn pick(&self, order: &[u32]) -> Self {
                let $columns { $($field),+ } = self;
                $columns { $($field: $field.pick(order),)+ }
            }

            fn append(&mut self, other: &Self) {
                $(self.$field.append(&other.$field);)+
            }

            fn arrays(&self, left_out: &[&str], out: &mut Arrays) {
                $(if !left_out.contains(&stringify!($field)) {
                    Arrowed::write(&self.$field, stringify!($field), out);
                })+
            }

            fn read(source: &Source<'_>) -> Result<Self> {
                let mut table = Self::default();
                $(table.$field = Arrowed::read(stringify!($field), source)?;)+
                Ok(table)
            }
        }
    };
}

table! { MessageColumns, Messages, |table| Some(&table.rev.0), {
    id rev time stream queue_id message_id sender size recipients client_name client_ip sasl_user service direction population
    removed chain previous_hop next_hop bounce_of lines
} }

table! { AttemptColumns, Attempts, |_| None, {
    id message time arrived stream position queue_id message_id sender recipient orig_recipient sasl_user client_ip relay_host
    relay_ip relay_port provider direction handed_to status population contacted reply_code enhanced_code reply_text stage reason
    scope fault permanent retry rule confidence rules delay_ms delays_ms attempt previous first_deferral size tls_version tls_cipher
    tls_verification
} }

table! { OutcomeColumns, Outcomes, |table| Some(&table.rev.0), {
    id rev time arrived stream message last_message queue_id last_queue_id message_id sender recipient orig_recipient sasl_user
    client_ip direction population handed_to outcome attempts deferrals greylisted first_attempt last_attempt reply_code
    enhanced_code reply_text relay_host relay_ip provider reason scope fault permanent size delay_ms note
} }

table! { RejectionColumns, Rejections, |_| None, {
    id time stream position queue_id client_name client_ip helo service stage sender recipient sasl_user reply_code enhanced_code
    reply_text reason rule action
} }

table! { AuthColumns, Auths, |_| None, {
    id time stream position client_name client_ip user method result reply_text
} }

table! { SessionColumns, Sessions, |_| None, {
    id time stream position client_name client_ip service tls commands lost_after messages
} }

table! { NoticeColumns, Notices, |_| None, {
    id time stream position daemon level text
} }
