//! Notices on their way to people: what they say, by which routes they go, and what became of them.
//!
//! * [`words`]: a notice as words, in full or masked; [`text`] and [`html`] write them, [`template`] lets an operator write them anew,
//!   [`picture`] draws the trend.
//! * [`route`]: receivers and their routes, as the configuration names them; [`secret`]: what must not be seen.
//! * [`outbox`]: what is to be sent, is being sent and was sent. Pure: every change is kept before anything is sent.
//! * [`channel`]: one file for each way out. Only these open connections.
//! * [`send`]: one delivery by one route.

pub mod channel;
pub mod clean;
pub mod html;
pub mod outbox;
pub mod picture;
pub mod route;
pub mod secret;
pub mod send;
pub mod template;
pub mod text;
pub mod words;

pub use channel::smtp::queue_id;
pub use outbox::{Delivery, Outbox};
pub use route::{Receiver, Route};
pub use send::{Picture, Said, Sender, Sheet, Tried};
pub use words::{Content, Speech, Words};
