//! JSON for people and scripts: the shapes of `events`, `records`, `report` and the API. Only this crate makes them.

pub(crate) mod event;
pub(crate) mod object;
pub(crate) mod record;
pub(crate) mod report;
