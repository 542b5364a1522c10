//! A part: the segments of one day that were written together, one a kind, and their filter.
//!
//! What one segment of a part holds another need not hold again: an attempt leaves out the queue id of its message, an
//! outcome the reply of its last attempt. [`slim`] takes such columns away when a part is written, [`fill`] puts them back.

pub(crate) mod file;
pub(crate) mod fill;
pub(crate) mod place;
pub(crate) mod slim;
pub(crate) mod sort;
