//! What a Parquet segment holds, for those who scan the files themselves.
//!
//! A field of a row stands under its own name. Times are `TIMESTAMP(MICROS)`, UTC. Words of a closed list are their codes
//! (`UInt32`, as every small number), an optional reason is nullable. An empty string means absent, as in the row; optional numbers are nullable.
//! An address `x` is `x_local` and `x_domain`. `delays_ms` is four nullable columns, `delays_ms_a` to `delays_ms_d`.
//! `stream` is the stream's key. A position is `file` and `offset`. A column that the file lacks was added by a later
//! version: take its default.
//!
//! Rows are sorted by `time`. Skip the row numbers in [`crate::Segment::dead`].
//!
//! # What is left out
//!
//! Columns that follow from others are left out, or null where they follow. [`crate::Snapshot::read`] puts all of it back.
//!
//! * Any `id` is null when it follows from position, life and `id_ordinal` (see `mailvane_model::id`).
//! * **The message of an attempt or outcome**: `message_file`, `message_offset` and `message_ordinal` say where its first
//!   line is; where that is not known they are 0 and `message` holds the id. The four together are a key, the same in every
//!   segment; [`life`] makes the id of them. A message row has `file`, `offset`, `id_ordinal` (and `id`) in the same sense.
//! * Messages: `chain` is null when it is the message itself; `lines` holds the lines after the first as steps.
//! * Attempts: `queue_id` and `message_id` are null when the message of the same part has them.
//! * Outcomes: `last_message` is null when it is the message; `queue_id`, `last_queue_id` and `message_id` likewise.
//!   `recipient_local` and `reply_text` are null when the attempt in row `attempt_row` of the same part has them.
//!   `first_attempt_ago` and `last_attempt_ago` are microseconds before `time`. `delay_ms_beyond` is what `delay_ms` has
//!   beyond the whole milliseconds from `arrived` to `time` (0 as a rule); null when there is no delay.
//!
//! So a search by a recipient's local part goes over attempts, and over outcomes where `recipient_local` is not null.

use mailvane_model::{FileId, Position};

/// The id of a message by the place of its first line (`message_file`, `message_offset`, `message_ordinal`).
pub fn life(file: u64, offset: u64, ordinal: u8) -> u64 {
    Position { file: FileId(file), offset }.life(u32::from(ordinal))
}
