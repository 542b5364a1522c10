//! Alerts and incidents: when something begins and ends, who hears of it, and how often.

mod alert;
mod incident;
mod settings;
mod silence;

pub use alert::{Alert, State};
pub use incident::{Acknowledgement, Incident};
pub(crate) use incident::{Due, due};
pub use settings::{QuietHours, Settings};
pub use silence::Silence;
