// The answers of the mock API, folded from the mock traffic in the shapes of crates/server/openapi.json.
import { HOUR } from './traffic.mjs';

const iso = (time) => (time === null ? null : new Date(time).toISOString());
const ratio = (numerator, n) => ({ value: n ? numerator / n : null, numerator, n });
const SPANS = { s: 1000, m: 60_000, h: HOUR, d: 24 * HOUR, w: 7 * 24 * HOUR };
const LABELS = { unknown_recipient: 'no such recipient', rate_limited: 'too much mail at once', ip_blocklisted: 'our IP is on a block list', greylisted: 'greylisted', reputation: 'reputation', mailbox_full: 'mailbox full' };
const EXPLAIN = {
  ip_blocklisted: { title: 'The sending IP is blocked', cause: 'The receiver refuses mail from 203.0.113.9 because it is on its own or a public block list.', fix: ['Find out which list: the reply names it.', 'Stop what caused the listing (a hijacked account, a newsletter to dead addresses).', 'Ask for delisting once.'], who: 'us' },
  rate_limited: { title: 'Too much mail in too short a time', cause: 'The receiver slows senders down that exceed its limit.', fix: ['Spread the mailing over more time.', 'Lower the concurrency for this destination.'], who: 'us' },
  unknown_recipient: { title: 'The address does not exist', cause: 'The receiving system knows no such mailbox.', fix: ['Take the address off the list.'], who: 'recipient' },
  greylisted: { title: 'Greylisting', cause: 'The receiver asks unknown senders to come again; the next try mostly succeeds.', fix: ['Wait: nothing to do.'], who: 'receiver' },
};
const MORE = { act: 'Somebody must act.', links: [], tell_sender: '' };
const explain = (reason) => ({ ...MORE, ...(EXPLAIN[reason] ?? { title: LABELS[reason] ?? reason, cause: 'See the reply of the far side.', fix: ['Read the reply.'], who: 'unknown' }) });

export function readWindow(query, now, fallback, direction) {
  const until = !query.get('until') || query.get('until') === 'now' ? now : Date.parse(query.get('until'));
  const text = query.get('since') ?? fallback;
  const span = /^(\d+)([smhdw])$/.exec(text);
  const since = span ? until - Number(span[1]) * SPANS[span[2]] : Date.parse(text);
  if (Number.isNaN(since) || Number.isNaN(until)) return null;
  return { since, until, json: { since: iso(since), until: iso(until), complete_to: iso(now - 1000), population: query.get('population') ?? 'ordinary', direction: query.get('direction') ?? direction, clock: 'event', time_zone: query.get('time_zone') ?? 'UTC' } };
}

const keyOf = {
  provider: (m) => m.provider.key,
  domain: (m) => m.recipient.split('@')[1],
  sender_domain: (m) => m.sender.split('@')[1] ?? '<>',
  sender: (m) => m.sender,
  relay: (m) => m.provider.relay,
  instance: () => 'mx1.example.com/postfix',
  reason: (m) => (m.state === 'bounced' || m.attempts.some((a) => a.status === 'deferred') ? m.reason[0] : ''),
  client: (m) => m.ip,
};

/** Messages that direction, population and filters leave. */
export function chosen(items, window, query) {
  const { direction, population } = window.json;
  return items.filter((m) => {
    if (m.kind !== 'message') return false;
    if (direction !== 'all' && direction !== (m.inbound ? 'inbound' : 'outbound')) return false;
    if (population === 'ordinary' && m.notification) return false;
    return Object.entries(keyOf).every(([name, key]) => !query.get(name) || key(m) === query.get(name));
  });
}

const quantile = (sorted, q) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : null);
function percentiles(values) {
  const sorted = values.sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p90: quantile(sorted, 0.9), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99), max: sorted.at(-1) ?? null, n: sorted.length };
}

export function figures(messages, { since, until }) {
  const within = (time) => time >= since && time < until;
  const outcomes = { delivered: 0, relayed: 0, bounced: 0, hard_bounced: 0, expired: 0, discarded: 0, deleted: 0, rejected: 0, unknown: 0, held: 0, queued: 0 };
  const attempts = { total: 0, delivered: 0, deferred: 0, bounced: 0, expired: 0, other: 0, not_contacted: 0 };
  const recipients = { attempted: 0, deferred: 0, greylisted: 0, accepted_last: 0 };
  const delays = [];
  let bytes = 0;
  for (const m of messages) {
    const tried = m.attempts.filter((a) => within(a.time));
    for (const a of tried) (attempts.total++, attempts[a.status]++);
    if (tried.length) {
      recipients.attempted++;
      if (tried.some((a) => a.status === 'deferred')) (recipients.deferred++, (recipients.greylisted += m.reason[0] === 'greylisted' ? 1 : 0));
      if (tried.at(-1).status === 'delivered') recipients.accepted_last++;
    }
    const end = m.attempts.at(-1);
    if (m.state === 'queued') outcomes.queued += m.time < until ? 1 : 0;
    else if (within(end.time)) {
      outcomes[m.state]++;
      if (m.state === 'bounced' && m.hard) outcomes.hard_bounced++;
      if (m.state === 'delivered') (delays.push((end.time - m.time) / 1000), (bytes += m.size));
    }
  }
  const final = outcomes.delivered + outcomes.bounced + outcomes.expired;
  const rates = { bounce_rate: ratio(outcomes.bounced, final), hard_bounce_rate: ratio(outcomes.hard_bounced, final), expiry_rate: ratio(outcomes.expired, final), failure_rate: ratio(outcomes.bounced + outcomes.expired, final), deferral_rate: ratio(recipients.deferred, recipients.attempted), deferral_rate_without_greylisting: ratio(recipients.deferred - recipients.greylisted, recipients.attempted), greylisted_rate: ratio(recipients.greylisted, recipients.attempted), acceptance_now: ratio(recipients.accepted_last, recipients.attempted) };
  return { outcomes, attempts, recipients, rates, delay: percentiles(delays), bytes };
}

const coverage = (now) => ({ lines: 184_220, recognised: 171_004, ignored: 12_899, unparsed: 317, understood: ratio(183_903, 184_220), gaps: 1, data_from: iso(now - 7 * 24 * HOUR), data_to: iso(now - 1000) });

export function summary(items, window, query, now) {
  const messages = chosen(items, window, query);
  const all = figures(messages, window);
  const refused = items.filter((i) => i.kind === 'rejection' && i.time >= window.since && i.time < window.until);
  const part = (p50, p95) => ({ p50, p90: p95 * 0.8, p95, p99: p95 * 2, max: p95 * 9, n: all.attempts.delivered });
  const arrived = messages.filter((m) => m.time >= window.since && m.time < window.until);
  const byAction = (action) => refused.filter((r) => r.action === action).length;
  const empty = all.attempts.total === 0;
  return {
    window: window.json,
    coverage: coverage(now),
    sentence: empty ? 'No mail was sent in this time.' : `Mail is flowing, but Microsoft 365 refuses most of what we send it since ${hhmm(now - 3 * HOUR).slice(0, 5)}: our IP is on a block list.`,
    health: empty ? 'quiet' : 'attention',
    received: { messages: arrived.length, recipients: arrived.length, bytes: arrived.reduce((sum, m) => sum + m.size, 0) },
    figures: all,
    delay_parts: { before_queue_manager: part(0.05, 0.4), in_queue: part(0.01, 1.8), connection: part(0.3, 2.4), transmission: part(0.6, 3.1) },
    by_direction: ['outbound', 'inbound', 'forwarded', 'local', 'unknown'].map((direction) => {
      const some = figures(items.filter((m) => m.kind === 'message' && !m.notification && (m.inbound ? 'inbound' : 'outbound') === direction), window);
      return { direction, outcomes: some.outcomes, rates: some.rates };
    }),
    inbound: { rejections: { total: refused.length, reject: byAction('reject'), defer: byAction('defer'), discard: 0, hold: 0, warn: 0 }, auth: { ok: 412, failed: 2911 }, sessions: { total: 5210, lost: 388 } },
    notifications: { sent: 61, delivered: 48, failed: 13, to_outside: 9 },
  };
}

const STEPS = [60, 300, 900, 3600, 10_800, 21_600, 86_400];
export function series(items, window, query) {
  const width = (window.until - window.since) / 1000;
  const step = query.get('step') && query.get('step') !== 'auto' ? Number(query.get('step')) : (STEPS.find((each) => width / each <= 200) ?? 86_400);
  const messages = chosen(items, window, query);
  const first = Math.floor(window.since / 1000 / step) * step * 1000;
  const times = [];
  for (let at = first; at < window.until; at += step * 1000) times.push(at);
  const rows = times.map(() => ({ received: 0, delivered: 0, bounced: 0, deferred: 0, expired: 0, relayed: 0, discarded: 0, attempts: 0, rejected: 0, delays: [] }));
  const row = (time) => (time >= window.since && time < window.until ? rows[Math.floor((time - first) / 1000 / step)] : undefined);
  for (const m of messages) {
    const at = row(m.time);
    if (at) at.received++;
    for (const a of m.attempts) {
      const there = row(a.time);
      if (!there) continue;
      there[a.status]++;
      there.attempts++;
      if (a.status === 'delivered') there.delays.push((a.time - m.time) / 1000);
    }
  }
  const value = (metric, r) => (metric === 'delay_p50' ? quantile(r.delays.sort((a, b) => a - b), 0.5) : metric === 'delay_p95' ? quantile(r.delays.sort((a, b) => a - b), 0.95) : metric === 'acceptance_now' ? (r.attempts ? r.delivered / r.attempts : null) : (r[metric] ?? 0));
  const unit = (metric) => (metric.startsWith('delay') ? 'seconds' : /rate|acceptance/.test(metric) ? 'ratio' : metric === 'bytes' ? 'bytes' : 'count');
  return { window: window.json, step_s: step, times: times.map(iso), series: (query.get('metric') ?? '').split(',').map((metric) => ({ metric, key: null, label: metric, unit: unit(metric), values: rows.map((r) => value(metric, r)), n: null })), context: query.get('context') === 'yes' ? { usual: [{ metric: 'delivered', low: rows.map(() => 2), high: rows.map(() => 9), weeks: 2 }], markers: [{ kind: 'incident', since: iso(window.until - 6 * HOUR), until: iso(window.until - 4 * HOUR), title: 'A provider blocks us: provider google', severity: 'page', page: '/alerts/history' }, { kind: 'change', since: iso(window.until - 9 * HOUR), until: null, title: 'spf.record of example.com: ok, now problem', severity: 'ticket', page: '/probes' }] } : null };
}

export function breakdown(items, window, query) {
  const by = query.get('by');
  const messages = chosen(items, window, query);
  const groups = new Map();
  for (const m of messages) {
    const key = keyOf[by](m);
    if (key === '') continue;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(m);
  }
  const rows = [...groups].map(([key, list]) => {
    const f = figures(list, window);
    const failed = list.filter((m) => m.state === 'bounced' || m.attempts.some((a) => a.status === 'deferred'));
    return { key, label: by === 'provider' ? list[0].provider.label : by === 'reason' ? (LABELS[key] ?? key) : key, figures: f, top_reason: failed[0]?.reason[0] ?? null, recipients_in_trouble: f.recipients.deferred + f.outcomes.bounced + f.outcomes.expired, first_seen: iso(list[0].time), last_seen: iso(list.at(-1).time), explanation: by === 'reason' ? explain(key) : null };
  }).filter((r) => r.figures.attempts.total > 0);
  const sort = query.get('sort') ?? 'trouble';
  rows.sort((a, b) => (sort === 'attempts' ? b.figures.attempts.total - a.figures.attempts.total : b.recipients_in_trouble - a.recipients_in_trouble));
  return { window: window.json, by, sort, rows: rows.slice(0, Number(query.get('limit') ?? 20)), total_rows: rows.length, exact: true, total: figures(messages, window) };
}

const clockIn = (timeZone) => new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', timeZone });
let clock = clockIn('UTC');
/** Sentences are written in the reader's zone. */
export const speakIn = (name) => (clock = clockIn(name ?? 'UTC'));
const hhmm = (time) => clock.format(time);
function sentence(m) {
  if (m.kind === 'rejection') return `${m.action === 'defer' ? 'Put off' : 'Refused'} by us at ${hhmm(m.time)}: ${LABELS[m.reason] ?? m.reason.replaceAll('_', ' ')} (${m.code} ${m.enhanced}).`;
  const last = m.attempts.at(-1);
  if (m.state === 'delivered') return m.inbound ? `Delivered to the mailbox of ${m.recipient} at ${hhmm(last.time)}.` : `Accepted by ${m.provider.label} (${m.provider.relay}) at ${hhmm(last.time)}, 250 2.0.0 OK; where it went after that only the recipient's side can see.`;
  if (m.state === 'bounced') return `Refused for good by ${m.provider.label} at ${hhmm(last.time)}: ${LABELS[m.reason[0]] ?? m.reason[0]} (${m.reason[1]} ${m.reason[2]}).`;
  return last ? `Waiting since ${hhmm(m.time)}: ${LABELS[m.reason[0]] ?? m.reason[0]} at ${m.provider.label}, next try about ${hhmm(m.nextTry)}.` : `In the queue since ${hhmm(m.time)}, not tried yet.`;
}

export function item(m) {
  const base = { id: m.id, kind: m.kind, time: iso(m.time), host: 'mx1.example.com', instance: 'postfix', sentence: sentence(m) };
  if (m.kind === 'rejection') return { ...base, last_time: iso(m.time), status: 'refused', queue_id: null, message_id: null, sender: m.sender, recipients: [m.recipient], recipient_count: 1, client_name: m.client, client_ip: m.ip, sasl_user: null, size: null, direction: 'inbound', population: 'ordinary', provider: null, reason: m.reason, reply_code: m.code, enhanced_code: m.enhanced, reply_text: m.text, attempts: 0, delay_s: null };
  const last = m.attempts.at(-1);
  const ok = m.state === 'delivered';
  return { ...base, last_time: iso(last?.time ?? m.time), status: m.state === 'queued' && last ? 'deferred' : m.state, queue_id: m.queueId, message_id: m.messageId, sender: m.sender, recipients: [m.recipient], recipient_count: 1, client_name: m.client, client_ip: m.ip, sasl_user: m.user, size: m.size, direction: m.inbound ? 'inbound' : 'outbound', population: m.notification ? 'notification' : 'ordinary', provider: m.provider.label, reason: ok || !last ? null : m.reason[0], reply_code: last ? (ok ? 250 : m.reason[1]) : null, enhanced_code: last ? (ok ? '2.0.0' : m.reason[2]) : null, reply_text: last ? (ok ? 'OK' : m.reason[3]) : null, attempts: m.attempts.length, delay_s: ok ? (last.time - m.time) / 1000 : null };
}

export function messages(items, window, query, now) {
  const q = (query.get('q') ?? '').toLowerCase();
  const status = (query.get('status') ?? '').split(',').filter(Boolean).flatMap((s) => ({ failed: ['bounced', 'expired'], open: ['deferred', 'queued', 'held'] })[s] ?? [s]);
  const filtered = Object.keys(keyOf).some((name) => query.get(name));
  const left = new Set(filtered || window.json.direction !== 'all' ? chosen(items, { ...window, json: { ...window.json, population: 'all' } }, query) : items);
  const found = items.filter((i) => {
    if (i.time < window.since || i.time >= window.until) return false;
    if (!(left.has(i) || (!filtered && i.kind === 'rejection' && window.json.direction !== 'outbound'))) return false;
    if (!q && !status.length) return true;
    const shown = item(i);
    if (status.length && !status.includes(shown.status) && !(status.includes('had_deferral') && i.attempts?.some((a) => a.status === 'deferred'))) return false;
    return !q || [shown.sender, shown.recipients[0], shown.client_ip, shown.client_name, shown.queue_id, shown.message_id].some((text) => text?.toLowerCase().includes(q));
  }).reverse();
  const from = Number(query.get('cursor') ?? 0);
  const limit = Number(query.get('limit') ?? 50);
  const cover = coverage(now);
  return { window: { ...window.json, population: 'all' }, items: found.slice(from, from + limit).map(item), next_cursor: found.length > from + limit ? String(from + limit) : null, searched: { sources: ['/var/log/mail.log'], since: window.json.since, until: window.json.until, complete_to: iso(now - 1000), data_from: cover.data_from, understood: cover.understood, matched_as: q ? (q.includes('@') ? 'address' : 'text') : 'all', sentence: `No trace of ${query.get('q') || 'such mail'} in /var/log/mail.log from ${window.json.since.slice(0, 16)} to now, 99.8 % of lines understood; it never reached this server, or came before.` } };
}

function verdict(m) {
  const reason = m.kind === 'message' ? m.reason[0] : m.reason;
  return { reason, scope: reason === 'unknown_recipient' ? 'recipient' : 'sender', fault: explain(reason).who, permanent: m.state === 'bounced' || m.action === 'reject', retry: m.state !== 'bounced', rule: `mock/${reason}`, confidence: 95, explanation: explain(reason) };
}

export function life(items, id) {
  const m = items.find((each) => each.id === id);
  if (!m) return null;
  const shown = item(m);
  const stamp = (time) => new Date(time).toUTCString().replace(/^\w+, (\d+) (\w+) \d+ ([\d:]+).*/, '$2 $1 $3');
  const line = (time, text, hop = null) => ({ source: '/var/log/mail.log', offset: Math.floor(time / 1000) % 10_000_000, time: iso(time), hop, text: `${stamp(time)} mx1 ${text}` });
  if (m.kind === 'rejection') return { item: shown, recipients: [], hops: [], rejection: { time: shown.time, client_name: m.client, client_ip: m.ip, helo: m.helo, stage: 'rcpt', action: m.action, sender: m.sender, recipient: m.recipient, reply_code: m.code, enhanced_code: m.enhanced, reply_text: m.text, verdict: verdict(m) }, related: [], lines: [line(m.time, `postfix/smtpd[811]: NOQUEUE: reject: RCPT from ${m.client}[${m.ip}]: ${m.code} ${m.enhanced} <${m.recipient}>: ${m.text}; from=<${m.sender}> to=<${m.recipient}> proto=ESMTP helo=<${m.helo}>`)], lines_state: 'complete', lines_note: null };
  const attempts = m.attempts.map((a, index) => {
    const ok = a.status === 'delivered';
    const [, code, enhanced, text] = ok ? [null, 250, '2.0.0', 'OK'] : m.reason;
    return { id: `${m.id.slice(0, 14)}${String(index).padStart(2, '0')}`, time: iso(a.time), recipient: m.recipient, orig_recipient: null, attempt: index + 1, status: a.status, handed_to: ok ? (m.inbound ? 'mailbox' : 'remote') : null, relay_host: m.provider.relay, relay_ip: m.provider.ip, relay_port: m.inbound ? null : 25, provider: m.provider.label, contacted: true, reply_code: code, enhanced_code: enhanced, reply_text: text, verdict: ok ? null : verdict(m), delay_s: (a.time - m.time) / 1000, delays_s: [0.1, 0.02, 0.4, 0.8], tls: m.inbound ? null : { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', verification: 'trusted' }, sentence: ok ? `${hhmm(a.time)} accepted by ${m.provider.label}, 250 2.0.0 OK` : `${hhmm(a.time)} ${a.status === 'bounced' ? 'refused for good' : 'put off'} by ${m.provider.label}: ${code} ${enhanced} ${text}` };
  });
  const end = m.attempts.at(-1);
  const done = m.state !== 'queued';
  const hop = { id: m.id, queue_id: m.queueId, host: 'mx1.example.com', instance: 'postfix', mta: 'postfix', arrived: shown.time, removed: done ? iso(end.time + 5) : null, client_name: m.client, client_ip: m.ip, sasl_user: m.user, service: m.inbound ? 'smtpd' : 'submission', tls: { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', verification: null }, sender: m.sender, size: m.size, recipients: 1, previous_hop: null, next_hop: null, sentence: m.inbound ? `Came in from ${m.client} [${m.ip}]` : `Submitted by ${m.user} from ${m.client} [${m.ip}]`, attempts };
  const lines = [line(m.time, `postfix/smtpd[811]: ${m.queueId}: client=${m.client}[${m.ip}]`, m.id), line(m.time + 20, `postfix/cleanup[815]: ${m.queueId}: message-id=${m.messageId}`, m.id), line(m.time + 40, `postfix/qmgr[402]: ${m.queueId}: from=<${m.sender}>, size=${m.size}, nrcpt=1 (queue active)`, m.id), ...attempts.map((a) => line(Date.parse(a.time), `postfix/smtp[930]: ${m.queueId}: to=<${m.recipient}>, relay=${m.provider.relay}[${m.provider.ip}]:25, delay=${a.delay_s.toFixed(1)}, delays=0.1/0.02/0.4/0.8, dsn=${a.enhanced_code}, status=${a.status} (host said: ${a.reply_code} ${a.enhanced_code} ${a.reply_text})`, m.id))];
  return { item: shown, recipients: [{ recipient: m.recipient, orig_recipient: null, outcome: m.state, handed_to: done ? 'remote' : null, time: shown.last_time, attempts: attempts.length, deferrals: attempts.filter((a) => a.status === 'deferred').length, next_try: iso(m.nextTry), expires: done ? null : iso(m.time + 5 * 24 * HOUR), provider: m.provider.label, relay_host: m.provider.relay, reply_code: shown.reply_code, enhanced_code: shown.enhanced_code, reply_text: shown.reply_text, verdict: m.state === 'delivered' ? null : verdict(m), delay_s: shown.delay_s, sentence: shown.sentence }], hops: [hop], rejection: null, related: m.state === 'bounced' ? [{ id: m.id, queue_id: '4NOTIFYxyz0z', relation: 'notification', time: iso(end.time + 60), recipients: [m.sender], status: 'delivered', sentence: `The sender was told of the failure at ${hhmm(end.time + 60)}.` }] : [], lines, lines_state: 'complete', lines_note: null };
}

export function queue(items, now) {
  const open = items.filter((i) => i.kind === 'message' && i.state === 'queued');
  const group = (key, label) => {
    const groups = new Map();
    for (const m of open) groups.set(key(m), [...(groups.get(key(m)) ?? []), m]);
    return [...groups].map(([k, list]) => ({ key: k, label: label(list[0]), messages: list.length, recipients: list.length, oldest: iso(list[0].time), top_reason: list.find((m) => m.attempts.length)?.reason[0] ?? null })).sort((a, b) => b.messages - a.messages);
  };
  const waiting = open.filter((m) => m.attempts.length).length;
  return { as_of: iso(now), method: 'inferred', complete_since: iso(now - 7 * 24 * HOUR), messages: open.length, recipients: open.length, being_tried: open.length - waiting, waiting, held: 0, notifications: open.filter((m) => m.notification).length, by_provider: group((m) => m.provider.key, (m) => m.provider.label), by_reason: group((m) => (m.attempts.length ? m.reason[0] : ''), (m) => (m.attempts.length ? (LABELS[m.reason[0]] ?? m.reason[0]) : 'not tried yet')), by_domain: group((m) => m.recipient.split('@')[1], (m) => m.recipient.split('@')[1]), oldest: open.slice(0, 10).map(item) };
}

export function sources(now) {
  const log = '/var/log/mail.log';
  return {
    coverage: coverage(now),
    sources: [
      { name: log, kind: 'file', state: 'live', role: 'feed', shadow_of: null, streams: ['mx1.example.com/postfix'], files: 14, bytes: 812_400_112, offset: 812_399_800, progress: 1, lag_s: 0.42, lag_bytes: 312, lines: 184_220, last_line: iso(now - 1000), problem: null },
      { name: '/var/log/mail.info', kind: 'file', state: 'live', role: 'shadow', shadow_of: log, streams: ['mx1.example.com/postfix'], files: 5, bytes: 790_112_002, offset: 790_112_002, progress: 1, lag_s: 0.5, lag_bytes: 0, lines: 180_010, last_line: iso(now - 1000), problem: null },
      { name: '/var/log/syslog', kind: 'file', state: 'failed', role: 'feed', shadow_of: null, streams: [], files: 0, bytes: 0, offset: 0, progress: null, lag_s: null, lag_bytes: 0, lines: 0, last_line: null, problem: { message: 'permission denied', hint: 'sudo usermod -aG adm mailvane, then log in again' } },
    ],
    streams: [{ name: 'mx1.example.com/postfix', origin: 'o-5f1c', host: 'mx1.example.com', instance: 'postfix', mta: 'postfix', version: '3.7.11', watermark: iso(now - 1000), open_messages: 92, feed: log }],
    daemons: [['smtpd', 91_200, 90_811, 311, 78], ['smtp', 42_010, 41_990, 10, 10], ['qmgr', 31_902, 31_902, 0, 0], ['cleanup', 14_000, 14_000, 0, 0], ['opendkim', 4_300, 0, 4_071, 229], ['bounce', 808, 808, 0, 0]].map(([daemon, lines, recognised, ignored, unparsed]) => ({ source: log, daemon, lines, recognised, ignored, unparsed, understood: ratio(recognised + ignored, lines) })),
    samples: [{ source: log, daemon: 'opendkim', count: 229, text: 'Nov 22 10:01:02 mx1 opendkim[77]: 4ABC: unexpected key syntax in record for sel._domainkey.example.net', last_seen: iso(now - 40_000) }, { source: log, daemon: 'smtpd', count: 78, text: 'Nov 22 09:14:40 mx1 postfix/smtpd[811]: something nobody has seen <script>alert(1)</script>', last_seen: iso(now - 400_000) }],
    gaps: [{ source: log, from_offset: 10_222, to_offset: 88_122, from_time: iso(now - 30 * HOUR), to_time: iso(now - 29.8 * HOUR), text: 'the file was truncated before 77,900 bytes of it were read' }],
    limits: [{ name: 'open_messages', limit: 1_000_000, value: 92, hits: 0 }, { name: 'line_bytes', limit: 65_536, value: null, hits: 3 }],
  };
}

export function trouble(window, now) {
  const group = (level, daemon, text, sample, count) => ({ level, daemon, text, sample, count, first: iso(now - 20 * HOUR), last: iso(now - 600_000), host: 'mx1.example.com' });
  return { window: window.json, groups: [group('fatal', 'postfix/smtpd', 'no SASL authentication mechanisms', 'fatal: no SASL authentication mechanisms', 3), group('warning', 'postfix/smtpd', 'hostname * does not resolve to address *', 'warning: hostname host.dynamic.example does not resolve to address 203.0.113.44', 812), group('warning', 'postfix/smtp', 'TLS library problem: *', 'warning: TLS library problem: error:0A000126', 14)], total_groups: 3 };
}

export function status(items, now, started, mode, progress) {
  const first = mode === 'first_read';
  const log = '/var/log/mail.log';
  return { version: '0.1.0', demo: mode === 'demo', banner: mode === 'demo' ? 'Simulated data: this is a demonstration host, none of this mail exists.' : null, now: iso(now), started: iso(started), time_zone: 'Europe/Berlin', state: first || mode === 'no_source' ? mode : 'live', complete_to: mode === 'no_source' ? null : iso(first ? now - 3 * 24 * HOUR : now - 1000), data_from: mode === 'no_source' ? null : iso(now - 7 * 24 * HOUR), software: mode === 'no_source' ? [] : [{ mta: 'postfix', version: '3.7.11', host: 'mx1.example.com', instance: 'postfix' }], reading: first ? [{ name: log, progress, bytes: 812_400_112, read: Math.round(812_400_112 * progress), time_reached: iso(now - 3 * 24 * HOUR) }] : [], progress: first ? progress : 1, messages: first ? Math.round(66_000 * progress) : mode === 'no_source' ? 0 : items.filter((i) => i.kind === 'message').length, lines: 184_220, lines_per_s: first ? 240_100 : 12.5, listen: 'http://127.0.0.1:8624', streams: mode === 'no_source' ? 0 : 1, store: { bytes: 9_812_000, segments: 14, attempts: 21_007, messages: 15_220, rejections: 6_101, commits: 812, oldest: iso(now - 7 * 24 * HOUR) }, problems: mode === 'no_source' ? [{ message: '/var/log/mail.log: permission denied', hint: 'sudo usermod -aG adm $USER' }] : [], queue: { messages: 92, recipients: 92 } };
}

export function tick(items, now, revision, span) {
  const end = Math.floor(now / 60_000) * 60_000;
  const minutes = [];
  for (let start = end - (span - 1) * 60_000; start <= end; start += 60_000) {
    const within = (time) => time >= start && time < start + 60_000;
    const row = { start: iso(start), received: 0, delivered: 0, deferred: 0, bounced: 0, expired: 0, rejected: 0, auth_failed: Math.floor((start / 60_000) % 7) };
    for (const i of items) {
      if (i.time > start + 60_000 || i.time < start - 2 * HOUR) continue;
      if (i.kind === 'rejection') row.rejected += within(i.time) ? 1 : 0;
      else {
        if (within(i.time)) row.received++;
        for (const a of i.attempts) if (within(a.time)) row[a.status]++;
      }
    }
    minutes.push(row);
  }
  return { now: iso(now), complete_to: iso(now - 1000), revision, lines_per_s: 12.5, minutes };
}

/** Nobody has to log in: what the binary says until there is an administrator. */
export function session() {
  return { access: 'open', setup: false, user: null, csrf: 'mark', password_min: 10 };
}

const GOOGLE = { label: 'provider', key: 'google', name: 'Google' };
const blocked = (now) => ({ rule: 'provider_block', group: GOOGLE, state: 'firing', severity: 'page', began: iso(now - 24 * 60_000), since: iso(now - 22 * 60_000), value: 0.96, limit: 0.5, usual: 0.004, count: 480, of: 500, window_s: 900, text: '480 of 500 recipients refused because of us (96 %) in 15 min; usual 0.4 %; 34 % of our mail goes there' });

/** What goes on: one block, and something that may become one. */
export function alerts(now) {
  return {
    judged_to: iso(now - 5000),
    learning: false,
    incidents: [{ id: '00000000000000bb', title: 'A provider blocks us', why: 'The replies say that our mail is not wanted. It does not go away by waiting.', runbook: '1. The reply names the cause.\n2. `mailvane check DOMAIN` shows what the world sees.', group: GOOGLE, severity: 'page', began: iso(now - 24 * 60_000), fired: iso(now - 22 * 60_000), told: iso(now - 22 * 60_000), acknowledged: null, silenced_until: null, alerts: [blocked(now)], groups: ['sender news@example.com: 92 % of the failures'], replies: [{ count: 44, reply: '550 5.7.1 low reputation', meaning: 'Reputation: the provider does not trust this server.', fix: 'See what was sent since.' }], changes: ['mail of user dave was first seen at 2026-11-23T17:40:00Z'] }],
    pending: [{ ...blocked(now), rule: 'backlog_growing', group: null, state: 'pending', severity: 'ticket', text: '140 recipients wait, 90 more than an hour ago' }],
    receivers: [{ name: 'ops', routes: ['ops/1 email to ops@example.org by relay.example.net:587', 'ops/2 ntfy ntfy.example.net'] }],
    warnings: [],
    dropped: 0,
  };
}

export function attention(now) {
  const line = { kind: 'incident', severity: 'page', title: 'A provider blocks us: provider google', text: '96 % refused', time: iso(now - 24 * 60_000), page: '/alerts?incident=00000000000000bb' };
  const changed = [
    { kind: 'record', severity: 'ticket', title: 'example.com: No SPF record', text: 'spf.record of example.com: ok, now problem', time: iso(now - 3 * HOUR), page: '/domains/example.com' },
    { kind: 'volume', severity: 'info', title: 'More of mail delivered: 2.1 times as much', text: '2100 recipients, 1000 in the same time a week before.', time: iso(now - HOUR), page: '/deliveries?compare=yes' },
  ];
  return {
    as_of: iso(now), since: iso(now - 24 * HOUR), until: iso(now), complete_to: iso(now - 2000), wrong: [line], wrong_total: 1,
    looked_at: [`33 rules on the log up to ${iso(now - 60_000)}`, '12 checks of DNS, certificates and servers', '1 source of log lines'],
    changed, changed_total: 2, compared_with: { since: iso(now - 192 * HOUR), until: iso(now - 168 * HOUR) },
  };
}

export function alertHistory(now) {
  const row = { title: 'A provider blocks us', group: GOOGLE, severity: 'page', rules: ['provider_block'], history: false, text: '96 % refused' };
  return {
    since: iso(now - 90 * 24 * HOUR),
    until: iso(now),
    incidents: [
      { ...row, id: '00000000000000bb', began: iso(now - 24 * 60_000), fired: iso(now - 22 * 60_000), ended: null },
      { ...row, id: '00000000000000aa', began: iso(now - 50 * HOUR), fired: iso(now - 50 * HOUR), ended: iso(now - 47 * HOUR), history: true },
    ],
  };
}

export function alertRules(now) {
  const rule = { why: 'It does not go away by waiting.', hold_s: 0, resolve_after_s: 900, notify: [], muted_by: ['outbound_stopped'], runbook: '1. Read the reply.', text: 'title = "A provider blocks us"\nseverity = "page"\n' };
  return {
    rules: [
      { ...rule, name: 'provider_block', title: 'A provider blocks us', severity: 'page', kind: 'provider_block', state: 'firing', alerts: [blocked(now)], nearest: null },
      { ...rule, name: 'log_gap', title: 'Lines of the log are missing', severity: 'ticket', kind: 'log_gap', state: 'quiet', alerts: [], nearest: { group: null, value: 0, limit: 0, usual: null, count: 0, of: 0, window_s: 86_400, text: 'no gap in 1d' } },
    ],
  };
}

export function alertNotices(now) {
  const tried = (route, said, reply) => ({ at: iso(now - 21 * 60_000), route, said, reply, took_s: 0.4 });
  return { notices: [{ id: '00000000000000cc', incident: '00000000000000bb', kind: 'fired', title: 'A provider blocks us: provider google', severity: 'page', receiver: 'ops', made: iso(now - 22 * 60_000), standing: 'accepted', at: iso(now - 21 * 60_000), tries: [tried('ops/1 email to ops@example.org by relay.example.net:587', 'deferred', 'connection refused'), tried('ops/2 ntfy ntfy.example.net', 'accepted', 'HTTP 200 OK')] }] };
}

export function silences(now) {
  return { silences: [{ id: '00000000000000dd', rule: 'dead_destination', key: '*', author: 'ann', comment: 'they move', from: iso(now - HOUR), until: iso(now + HOUR), state: 'on' }] };
}

export function backtest(now) {
  const found = alertHistory(now).incidents.slice(1);
  return { problems: [], since: iso(now - 7 * 24 * HOUR), until: iso(now), complete: true, minutes: 10_080, total: found.length, incidents: found };
}

export function liveQueue(now) {
  const listed = {
    messages: 812, recipients: 1204, notices: 9, bytes: 48_200_000, oldest_s: 190_000, active_age_s: 4,
    queues: [['active', 12, 12], ['deferred', 797, 1189], ['hold', 3, 3]].map(([queue, messages, recipients]) => ({ queue, messages, recipients })),
    ages: [[300, 14], [900, 80], [3600, 300], [14_400, 290], [43_200, 60], [86_400, 40], [172_800, 20], [345_600, 5], [null, 0]].map(([under_s, messages]) => ({ under_s, messages })),
    destinations: [
      { domain: 'example.net', messages: 640, recipients: 980, oldest_s: 9000, expiring: 0, reason: 'rate_limited', reply: 'host mx.example.net[192.0.2.7] said: 421 4.7.28 slow down' },
      { domain: 'dead.example', messages: 31, recipients: 31, oldest_s: 190_000, expiring: 5, reason: 'connection_failure', reply: 'connect to dead.example[192.0.2.9]:25: Connection timed out' },
    ],
    providers: [{ key: 'example.net', label: 'example.net', recipients: 980, domains: 1, oldest_s: 9000 }, { key: '', label: '', recipients: 224, domains: 12, oldest_s: 190_000 }],
    causes: [{ key: 'rate_limited', label: 'rate_limited', recipients: 980, domains: 1, oldest_s: 9000 }, { key: 'connection_failure', label: 'connection_failure', recipients: 31, domains: 1, oldest_s: 190_000 }],
    expiring: [[3600, 0], [14_400, 1], [43_200, 2], [86_400, 5]].map(([within_s, messages]) => ({ within_s, messages })),
    lifetime_s: 432_000, notice_lifetime_s: 432_000, frozen_lifetime_s: null, complete: true, took_s: 0.02, not_understood: 0,
  };
  const history = Array.from({ length: 60 }, (_, place) => ({ time: iso(now - (60 - place) * 60_000), deferred: 200 + place * 10, active: 12, held: 3, recipients: 400 + place * 13 }));
  return { as_of: iso(now - 20_000), problem: null, listed, drain_per_s: -0.22, empty_in_s: null, history, forecast: [{ domain: 'dead.example', expiring: 5, acceptance: { value: 0.2, numerator: 4, n: 20 }, expected: 4 }] };
}
