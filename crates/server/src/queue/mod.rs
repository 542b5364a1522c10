//! The live queue of this host, as its mail server lists it.
//!
//! * [`list`]: asks for the listing, within limits, and never changes anything.
//! * [`depths`]: what is in it: how much, where, how old, for whom, why, and what will expire.
//! * [`lifetimes`]: how long messages may wait, as the configuration of the mail server says.

pub(crate) mod depths;
pub(crate) mod lifetimes;
pub(crate) mod list;
