//! Each number defined once, as a fold from rows to mergeable cells.
//!
//! * [`figure`]: what is counted, by name and code.
//! * [`count`]: what one row adds to which figure: the definitions.
//! * [`cell`], [`histogram`], [`encoding`]: mergeable sums of figures, and their bytes.
//! * [`cube`], [`rollup`], [`window`]: sums by time and one dimension.
//! * [`summary`]: the numbers of a whole input, for `mailvane report`.
//! * [`drain`]: how fast a queue empties, and what of it comes back.
//! * [`network`], [`sender`], [`template`]: what groups clients, senders and texts.

pub mod cell;
pub mod count;
pub mod cube;
pub mod drain;
pub mod encoding;
pub mod figure;
pub mod histogram;
pub mod network;
pub mod rollup;
pub mod sender;
pub mod summary;
pub mod template;
pub mod window;

pub use cell::{Cell, Figures};
pub use count::{Rate, Rates};
pub use cube::{Cube, Width};
pub use encoding::Error;
pub use figure::{Door, Figure, Spread, Traffic};
