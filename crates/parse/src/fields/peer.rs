//! Peers, relays and endpoints.

use super::See;
use crate::mta::postfix::peer;
use crate::record::Client;

/// A client: name, address, port.
pub(super) fn client(see: &mut See<'_>, client: &Client<'_>) {
    named(see, ["client_name", "client_ip", "client_port"], client);
}

/// A relay: a socket instead of an address is a service of this host.
pub(super) fn relay(see: &mut See<'_>, relay: &Client<'_>) {
    if relay.ip.contains(&b'/') {
        see.text("relay_host", relay.name);
        see.text("relay_service", relay.ip);
        return;
    }
    named(see, ["relay_host", "relay_ip", "relay_port"], relay);
}

/// Any peer under the given names.
pub(super) fn named(see: &mut See<'_>, names: [&'static str; 3], peer: &Client<'_>) {
    see.text(names[0], peer.name);
    see.text(names[1], peer.ip);
    if peer.port > 0 {
        see.number(names[2], peer.port);
    }
}

/// `[address]:port` as a text.
pub(super) fn server(see: &mut See<'_>, text: &[u8]) {
    if let Some((server, _)) = peer(text) {
        named(see, ["server_name", "server_ip", "server_port"], &server);
    }
}
