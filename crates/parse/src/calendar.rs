//! Years and zones for heads that have none.
