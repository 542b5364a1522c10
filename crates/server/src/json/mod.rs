//! JSON for people and scripts: the shapes of `events`, `records`, `report` and the API. Only this crate makes them.

#[cfg(feature = "active")]
pub(crate) mod check;
pub(crate) mod event;
pub(crate) mod object;
pub(crate) mod record;
pub(crate) mod report;
