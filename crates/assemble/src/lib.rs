//! Records to messages, attempts, outcomes and rejections.
