// The closed lists of words as people read them.
import type { ItemStatus } from './api';

/** What a status looks like: a glyph and a tone beside its word, so that colour never stands alone. */
export interface StatusLook {
  label: string;
  glyph: string;
  tone: 'good' | 'wait' | 'bad' | 'calm';
}

export const STATUS: Record<ItemStatus, StatusLook> = {
  delivered: { label: 'delivered', glyph: '✓', tone: 'good' },
  relayed: { label: 'relayed', glyph: '↗', tone: 'good' },
  bounced: { label: 'bounced', glyph: '✕', tone: 'bad' },
  expired: { label: 'expired', glyph: '⌛', tone: 'bad' },
  deferred: { label: 'waiting', glyph: '↻', tone: 'wait' },
  queued: { label: 'queued', glyph: '…', tone: 'calm' },
  held: { label: 'on hold', glyph: '‖', tone: 'wait' },
  discarded: { label: 'discarded', glyph: '∅', tone: 'calm' },
  deleted: { label: 'deleted', glyph: '∅', tone: 'calm' },
  rejected: { label: 'rejected', glyph: '⊘', tone: 'bad' },
  mixed: { label: 'mixed', glyph: '±', tone: 'wait' },
  unknown: { label: 'unknown', glyph: '?', tone: 'calm' },
  refused: { label: 'refused', glyph: '⊘', tone: 'calm' },
  lost: { label: 'connection lost', glyph: '⌁', tone: 'calm' },
};

/** The look of any status word, also of attempts. */
export function statusLook(word: string): StatusLook {
  if (word in STATUS) return STATUS[word as ItemStatus];
  if (word === 'internal_hop') return { label: 'handed on', glyph: '→', tone: 'calm' };
  return { label: plain(word), glyph: '?', tone: 'calm' };
}

const REASONS: Record<string, string> = {
  unknown_recipient: 'no such recipient',
  inactive_recipient: 'recipient closed or moved',
  bad_domain: 'domain takes no mail',
  mailbox_full: 'mailbox full',
  recipient_policy: "recipient's own rule",
  rate_limited: 'too much mail at once',
  too_many_connections: 'too many connections',
  ip_blocklisted: 'our IP is on a block list',
  reputation: 'reputation',
  auth_spf: 'SPF failed',
  auth_dkim: 'DKIM failed',
  auth_dmarc: 'DMARC failed',
  auth_missing: 'not authenticated',
  ptr_helo: 'reverse DNS or HELO',
  tls_failed: 'TLS failed',
  content_spam: 'looks like spam',
  virus_attachment: 'virus or forbidden attachment',
  message_too_large: 'message too large',
  format_error: 'format error',
  relay_denied: 'relaying denied',
  sender_rejected: 'sender refused',
  dns_failure: 'DNS did not answer',
  connection_failure: 'no connection',
  remote_temporary: 'far side has trouble',
  remote_error: 'far side refuses',
  protocol_error: 'protocol error',
  smarthost_auth: 'smarthost refuses our login',
  expired: 'gave up: too long in the queue',
  local_policy: 'our own rule or fault',
  loop: 'mail loop',
  complaint: 'spam complaint',
  auto_reply: 'automatic reply',
  unclassified: 'not classified',
};

/** A reason in a few words. */
export function reasonLabel(reason: string | null | undefined): string {
  return reason ? (REASONS[reason] ?? plain(reason)) : '';
}

/** Reasons of refusals at our own door: what is wrong is the client's. */
const AT_OUR_DOOR: Record<string, string> = {
  ip_blocklisted: 'client on a block list',
  reputation: "client's reputation",
  ptr_helo: "client's reverse DNS or HELO",
  auth_missing: 'client did not log in',
  rate_limited: 'client sends too much at once',
  too_many_connections: 'client has too many connections',
  protocol_error: 'client breaks the protocol',
  unknown_recipient: 'no such recipient here',
  recipient_policy: "recipient's own rule",
  local_policy: 'our own rule',
  mailbox_full: 'mailbox here is full',
};

/** The reason of a refusal of ours in a few words. */
export function doorLabel(reason: string | null | undefined): string {
  return (reason && AT_OUR_DOOR[reason]) || reasonLabel(reason);
}

const WHO: Record<string, string> = {
  us: 'You can act: it is on the sending side.',
  recipient: 'The recipient must act.',
  receiver: 'The receiving system must act.',
  network: 'It is between the two: network or DNS.',
};

/** Who must act, as a sentence; empty when nobody knows. */
export function whoActs(who: string | null | undefined): string {
  return (who && WHO[who]) || '';
}

export const DIRECTIONS: Record<string, string> = {
  outbound: 'Outbound',
  inbound: 'Inbound',
  forwarded: 'Forwarded',
  local: 'Local',
  mixed: 'Several directions',
  unknown: 'Direction unknown',
  all: 'All directions',
};

export const POPULATIONS: Record<string, string> = {
  ordinary: 'ordinary mail',
  notification: 'delivery notifications',
  probe: 'address probes',
  own: "Mailvane's own mail",
  all: 'all mail',
};

const HANDED: Record<string, string> = {
  mailbox: 'mailbox',
  remote: "recipient's mail server",
  smarthost: 'smarthost',
  filter: 'filter',
  command: 'command',
  file: 'file',
};

/** Who took over. */
export function handedLabel(to: string | null | undefined): string {
  return to ? (HANDED[to] ?? '') : '';
}

/** Which mail a page is about, in words. */
export function populationSentence(direction: string, population: string): string {
  const who: Record<string, string> = {
    outbound: 'Outbound mail to remote recipients',
    inbound: 'Mail from outside to mailboxes here',
    forwarded: 'Mail from outside, sent on outside',
    local: 'Mail from here to mailboxes here',
    mixed: 'Messages whose recipients have several directions',
    unknown: 'Mail whose direction is unknown',
    all: 'Mail in all directions',
  };
  const kind: Record<string, string> = {
    ordinary: 'without delivery notifications and probes',
    notification: 'delivery notifications only',
    probe: 'address verification probes only',
    own: "Mailvane's own mail only",
    all: 'notifications and probes included',
  };
  return `${who[direction] ?? 'Mail'}, ${kind[population] ?? population}`;
}

/** `smtp_in` as `smtp in`. */
export function plain(word: string): string {
  return word.replaceAll('_', ' ');
}

/** Rules begin what they say with the name of their number. */
export function measured(text: string): string {
  return text.replace(/^(?:\d+ )?[a-z]+(_[a-z]+)+/, (name) => name.replaceAll('_', ' '));
}
