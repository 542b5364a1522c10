//! Who runs a receiving system, from the name of its MX or relay host.
