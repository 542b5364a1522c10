//! Rules over numbers and findings, the states of alerts, and the notices that go out by routes which work when mail does not.
