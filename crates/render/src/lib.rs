//! Numbers to text, SVG and HTML.

pub mod sentence;
pub mod text;
