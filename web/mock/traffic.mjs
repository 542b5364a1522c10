// Believable mail traffic for the mock server: seeded, so that every start shows the same.

/** A small seeded generator (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 4294967296;
  };
}

const PROVIDERS = [
  { key: 'google', label: 'Google', relay: 'gmail-smtp-in.l.google.com', ip: '192.0.2.26', domains: ['gmail.example', 'agency.example'], share: 34, defer: 0.03, bounce: 0.012, reason: ['rate_limited', 421, '4.7.28', 'Our system has detected an unusual rate of unsolicited mail'] },
  { key: 'microsoft', label: 'Microsoft 365', relay: 'mail.protection.outlook.com', ip: '192.0.2.104', domains: ['outlook.example', 'factory.example', 'school.example'], share: 27, defer: 0.24, bounce: 0.02, reason: ['ip_blocklisted', 550, '5.7.606', 'Access denied, banned sending IP [203.0.113.9]'] },
  { key: 'yahoo', label: 'Yahoo', relay: 'mta5.am0.yahoodns.net', ip: '192.0.2.77', domains: ['yahoo.example'], share: 11, defer: 0.06, bounce: 0.01, reason: ['reputation', 421, '4.7.0', '[TSS04] Messages from 203.0.113.9 temporarily deferred due to unexpected volume'] },
  { key: 'gmx', label: 'GMX / WEB.DE', relay: 'mx00.gmx.example', ip: '198.51.100.3', domains: ['gmx.example', 'web.example'], share: 12, defer: 0.02, bounce: 0.016, reason: ['unknown_recipient', 550, '5.1.1', 'Requested action not taken: mailbox unavailable'] },
  { key: 'other', label: 'mx.small-shop.example', relay: 'mx.small-shop.example', ip: '198.51.100.40', domains: ['small-shop.example', 'club.example'], share: 16, defer: 0.12, bounce: 0.03, reason: ['greylisted', 451, '4.7.1', 'Greylisted, please try again in 300 seconds'] },
];
const SENDERS = ['newsletter@example.com', 'shop@example.com', 'anna.lang@example.com', 'support@example.net', 'billing@example.net', 'no-reply@example.com'];
const NAMES = ['maria', 'j.brown', 'office', 'peter.klein', 'info', 'li.wei', 'sales', 'amelie', 'tom', 'karin.s', 'orders', 'noor'];
const REFUSALS = [
  ['ip_blocklisted', 554, '5.7.1', 'Service unavailable; client host [203.0.113.77] blocked using zen.dnsbl.example', 'reject'],
  ['greylisted', 450, '4.2.0', 'Recipient address rejected: Greylisted, try again later', 'defer'],
  ['unknown_recipient', 550, '5.1.1', 'Recipient address rejected: User unknown in virtual mailbox table', 'reject'],
  ['relay_denied', 554, '5.7.1', 'Relay access denied', 'reject'],
  ['ptr_helo', 450, '4.7.25', 'Client host rejected: cannot find your hostname', 'defer'],
];
export const HOUR = 3600_000;
export const DAYS = 7;

const hex = (next, digits) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');
const queueId = (next) => `4${Array.from({ length: 10 }, () => 'BCDFGHJKLMNPQRSTVWXYZbcdfghjklm0123456789'[Math.floor(next() * 41)]).join('')}z`;
const pick = (next, list) => list[Math.floor(next() * list.length)];

function pickProvider(next) {
  let at = next() * 100;
  for (const provider of PROVIDERS) if ((at -= provider.share) < 0) return provider;
  return PROVIDERS[0];
}

/** How busy an hour of the day is. */
const busy = (hour) => 0.25 + Math.max(0, Math.sin(((hour - 5) / 17) * Math.PI));

/** Messages and refusals of the days before `end`, oldest first. */
export function traffic(end, seed = 7) {
  const next = random(seed);
  const items = [];
  for (let time = end - DAYS * 24 * HOUR; time < end; ) {
    time += (40_000 / busy(new Date(time).getUTCHours())) * (0.2 + next() * 1.6);
    items.push(next() < 0.3 ? refusal(next, time) : message(next, time, end));
  }
  return items;
}

function refusal(next, time) {
  const [reason, code, enhanced, text, action] = pick(next, REFUSALS);
  return { kind: 'rejection', id: hex(next, 16), time, reason, code, enhanced, text, action, sender: `${pick(next, NAMES)}@spam-source.example`, recipient: `${pick(next, NAMES)}@example.com`, ip: `203.0.113.${1 + Math.floor(next() * 250)}`, client: next() < 0.5 ? 'unknown' : 'host.dynamic.example', helo: 'ylmf-pc' };
}

function message(next, time, end) {
  const inbound = next() < 0.28;
  const provider = inbound ? { key: 'local', label: 'This server', relay: 'local', ip: null, domains: ['example.com'], defer: 0.002, bounce: 0.004, reason: ['mailbox_full', 552, '5.2.2', 'Quota exceeded'] } : pickProvider(next);
  const notification = next() < 0.02;
  const sender = notification ? '<>' : inbound ? `${pick(next, NAMES)}@sender.example` : pick(next, SENDERS);
  // Microsoft refuses nearly everything in the last three hours: the incident of the mock.
  const blocked = provider.key === 'microsoft' && time > end - 3 * HOUR;
  const attempts = [];
  let at = time + 800 + next() * 4000;
  let wait = 300_000;
  let state = 'queued';
  while (at < end && state === 'queued') {
    const dice = next();
    const defer = blocked ? 0.75 : provider.defer;
    const bounce = blocked ? 0.2 : provider.bounce;
    if (dice < defer) {
      attempts.push({ time: at, status: 'deferred' });
      at += wait;
      wait = Math.min(wait * 2, 4 * HOUR);
    } else if (dice < defer + bounce) {
      attempts.push({ time: at, status: 'bounced' });
      state = 'bounced';
    } else {
      attempts.push({ time: at, status: 'delivered' });
      state = 'delivered';
    }
  }
  const hard = provider.reason[0] === 'unknown_recipient' || next() < 0.5;
  const reason = state === 'bounced' && hard && !blocked ? ['unknown_recipient', 550, '5.1.1', 'The email account that you tried to reach does not exist'] : provider.reason;
  return { kind: 'message', id: hex(next, 16), time, inbound, notification, sender, recipient: `${pick(next, NAMES)}@${pick(next, provider.domains)}`, provider, reason, hard: reason[0] === 'unknown_recipient', attempts, state, nextTry: state === 'queued' ? at : null, size: Math.round(2000 + next() ** 4 * 4_000_000), queueId: queueId(next), messageId: `<${hex(next, 12)}.${hex(next, 4)}@example.com>`, client: inbound ? 'mail.sender.example' : 'app1.example.com', ip: inbound ? '198.51.100.200' : '192.0.2.15', user: inbound ? null : sender.split('@')[0] };
}
