//! Numbers to text, SVG and HTML.
