//! A seeded mail host: traffic and incidents to log lines with their truth.
