//! The live queue of this host, as its mail server lists it.
//!
//! * [`list`]: asks for the listing, within limits, and never changes anything.
//! * [`depths`]: what is in it: how much, where, how old, for whom, why, and what will expire.

pub(crate) mod depths;
pub(crate) mod list;
