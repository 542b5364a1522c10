// Types of the HTTP API. Written by `npm run types` from crates/server/openapi.json: change that file, not this one.

export interface AttentionLine {
  kind: 'incident' | 'pending' | 'finding' | 'source' | 'queue' | 'record' | 'ended' | 'volume' | 'reason';
  severity: 'page' | 'ticket' | 'info';
  title: string;
  text: string;
  /** Since when, or when it happened. */
  time: string | null;
  /** The page of the dashboard that tells more. */
  page: string;
}

export interface Attention {
  as_of: string;
  since: string;
  until: string;
  complete_to: string | null;
  /** What is wrong now, the gravest first, 12 at most. */
  wrong: AttentionLine[];
  wrong_total: number;
  /** What was looked at to say so. */
  looked_at: string[];
  /** What changed in the window, the latest first, 12 at most. */
  changed: AttentionLine[];
  changed_total: number;
  /** The time that the volume was compared with; null while less was read. */
  compared_with: Span | null;
}

export interface Span {
  since: string;
  until: string;
}

export interface ListedIn {
  queue: 'maildrop' | 'incoming' | 'active' | 'deferred' | 'hold' | 'frozen';
  messages: number;
  recipients: number;
}

export interface ListedAge {
  under_s: number | null;
  messages: number;
}

export interface ListedDestination {
  domain: string;
  messages: number;
  recipients: number;
  oldest_s: number;
  /** Messages that reach their lifetime within a day. */
  expiring: number;
  reason: string | null;
  reply: string | null;
}

export interface Expiring {
  within_s: number;
  messages: number;
}

export interface ListedGroup {
  key: string;
  label: string;
  recipients: number;
  domains: number;
  oldest_s: number;
}

export interface ListedQueue {
  messages: number;
  recipients: number;
  notices: number;
  bytes: number;
  oldest_s: number;
  active_age_s: number;
  queues: ListedIn[];
  ages: ListedAge[];
  destinations: ListedDestination[];
  /** By the provider whose host the last failure names; the empty key where none does. */
  providers: ListedGroup[];
  /** What the last tries failed for; what was not tried yet has no cause. */
  causes: ListedGroup[];
  expiring: Expiring[];
  lifetime_s: number;
  notice_lifetime_s: number;
  frozen_lifetime_s: number | null;
  complete: boolean;
  took_s: number;
  not_understood: number;
}

export interface QueueLook {
  time: string;
  deferred: number;
  active: number;
  held: number;
  recipients: number;
}

export interface LiveQueue {
  as_of: string | null;
  problem: string | null;
  listed: ListedQueue | null;
  /** Recipients fewer each second, over the last half hour; negative while it grows. */
  drain_per_s: number | null;
  empty_in_s: number | null;
  history: QueueLook[];
  /** Destinations with most messages that expire within a day. */
  forecast: Forecast[];
}

export interface Forecast {
  domain: string;
  /** Messages that reach their lifetime within a day. */
  expiring: number;
  acceptance: Ratio;
  /** How many of them come back if that share of recipients is accepted from now on, as in the last hour; all where fewer than five were tried. */
  expected: number;
}

export interface AlertGroup {
  /** `provider`, `user`, `domain` and so on. */
  label: string;
  key: string;
  /** The key as people say it: the name of a provider. */
  name: string;
}

export interface Alert {
  rule: string;
  /** Null is the whole server. */
  group: AlertGroup | null;
  state: 'pending' | 'firing' | 'resolved';
  severity: 'info' | 'ticket' | 'page';
  began: string;
  since: string;
  value: number | null;
  limit: number | null;
  usual: number | null;
  count: number | null;
  of: number | null;
  window_s: number;
  text: string;
}

export interface AlertIncident {
  id: string;
  title: string;
  why: string;
  runbook: string;
  /** Null is the whole server. */
  group: AlertGroup | null;
  severity: 'info' | 'ticket' | 'page';
  began: string;
  fired: string;
  told: string | null;
  acknowledged: Acknowledgement | null;
  silenced_until: string | null;
  alerts: Alert[];
  /** Who and where: the groups that hold more of the failures than of the mail. */
  groups: string[];
  replies: AlertReply[];
  /** What changed shortly before. */
  changes: string[];
}

export interface AlertReply {
  /** How many say the same. */
  count: number;
  reply: string;
  meaning: string;
  /** The first thing to do; empty when there is none. */
  fix: string;
}

export interface Acknowledgement {
  author: string;
  at: string;
}

export interface AlertReceiver {
  name: string;
  routes: string[];
}

export interface Alerts {
  judged_to: string | null;
  /** History is being learned from: nothing is told yet. */
  learning: boolean;
  incidents: AlertIncident[];
  pending: Alert[];
  receivers: AlertReceiver[];
  warnings: string[];
  dropped: number;
}

export interface AlertHistoryRow {
  id: string;
  title: string;
  /** Null is the whole server. */
  group: AlertGroup | null;
  severity: 'info' | 'ticket' | 'page';
  began: string;
  fired: string;
  ended: string | null;
  /** It was found in history that was read afterwards, and nobody was told. */
  history: boolean;
  rules: string[];
  text: string;
}

export interface AlertHistory {
  since: string;
  until: string;
  incidents: AlertHistoryRow[];
}

export interface AlertRule {
  name: string;
  title: string;
  why: string;
  severity: 'info' | 'ticket' | 'page';
  kind: string;
  hold_s: number;
  resolve_after_s: number;
  notify: string[];
  muted_by: string[];
  runbook: string;
  /** The rule as it is written. */
  text: string;
  state: 'quiet' | 'pending' | 'firing';
  alerts: Alert[];
  /** The group that is nearest to firing, with its numbers; null where there was nothing to look at. */
  nearest: AlertReading | null;
}

export interface AlertReading {
  /** Null is the whole server. */
  group: AlertGroup | null;
  /** What was compared: a share, a count or seconds, by the kind of rule. */
  value: number | null;
  limit: number | null;
  usual: number | null;
  count: number | null;
  /** 0 when it is a count. */
  of: number | null;
  window_s: number;
  /** One sentence with the numbers. */
  text: string;
}

export interface AlertRules {
  rules: AlertRule[];
}

export interface AlertTry {
  at: string;
  route: string | null;
  said: 'accepted' | 'refused' | 'deferred';
  reply: string;
  took_s: number;
}

export interface AlertNotice {
  id: string;
  incident: string | null;
  kind: 'fired' | 'worse' | 'repeat' | 'escalated' | 'resolved' | 'summary' | 'report';
  title: string;
  severity: 'info' | 'ticket' | 'page';
  receiver: string;
  made: string;
  standing: 'waiting' | 'sending' | 'accepted' | 'delivered' | 'given_up';
  at: string;
  tries: AlertTry[];
}

export interface AlertNotices {
  notices: AlertNotice[];
}

export interface Silence {
  id: string;
  rule: string;
  key: string;
  author: string;
  comment: string;
  from: string;
  until: string;
  state: 'later' | 'on' | 'over';
}

export interface Silences {
  silences: Silence[];
}

export interface NewSilence {
  /** A rule or a pattern; `*` stands for anything. */
  rule?: string;
  /** A provider, user, domain or another key, or a pattern. */
  key?: string;
  comment?: string;
  minutes: number;
}

export interface NewTest {
  /** One of the receivers of `/alerts`. */
  receiver: string;
}

export interface NewBacktest {
  /** The rule as TOML. */
  rule: string;
  since?: string;
}

export interface BacktestProblem {
  line: number;
  text: string;
}

export interface Backtest {
  problems: BacktestProblem[];
  since: string | null;
  until: string | null;
  complete: boolean;
  minutes: number;
  total: number;
  incidents: AlertHistoryRow[];
}

/** The one error shape. */
export interface ApiError {
  /** What went wrong. */
  error: {
    /** Stable word: `bad_request`, `not_found`, `not_ready`, `overloaded`, `timeout`, `internal`. */
    code: string;
    /** What happened, for a person. */
    message: string;
    /** What to do about it. */
    hint: string | null;
  };
}

/** A share with its sample size. `value` = numerator / n, null when n is 0 (shown as `-`). */
export interface Ratio {
  value: number | null;
  numerator: number;
  n: number;
}

/** Seconds. All null when n is 0. */
export interface Percentiles {
  p50: number | null;
  p90: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
  n: number;
}

/** What the answer is about: repeats the request with defaults filled in and times resolved. */
export interface Window {
  since: string;
  /** Exclusive. */
  until: string;
  /** Log time up to which every stream in the answer is committed; null when nothing has been read. */
  complete_to: string | null;
  population: 'ordinary' | 'notification' | 'probe' | 'own' | 'all';
  direction: 'outbound' | 'inbound' | 'forwarded' | 'local' | 'mixed' | 'unknown' | 'all';
  /** `event`: attempts at their own time, outcomes when final. `arrival`: by time of arrival (cohort). */
  clock: 'event' | 'arrival';
  /** IANA name in which days are cut. */
  time_zone: string;
}

/** How much of the input of this window was understood. */
export interface Coverage {
  lines: number;
  /** Carried fields we use. */
  recognised: number;
  /** Known, without use for us, or another program's. */
  ignored: number;
  /** Neither. */
  unparsed: number;
  /** (recognised + ignored) / lines */
  understood: Ratio;
  /** Gaps (bytes gone before they were read) touching this window. */
  gaps: number;
  /** Log time of the first line read. */
  data_from: string | null;
  /** Log time of the last line read. */
  data_to: string | null;
}

/** (chain, recipient) pairs by final state in the window; `queued` and `held` are those open at its end. */
export interface Outcomes {
  /** Somebody else took over; relayed ones are not in it. */
  delivered: number;
  /** Handed to a smarthost: accepted there, not arrived at the recipient. */
  relayed: number;
  bounced: number;
  /** Of bounced: recipient scope and permanent. */
  hard_bounced: number;
  expired: number;
  discarded: number;
  deleted: number;
  /** Refused after a queue id had been given. */
  rejected: number;
  unknown: number;
  held: number;
  queued: number;
}

/** Tries to deliver to one recipient, at their own time. */
export interface Attempts {
  total: number;
  delivered: number;
  deferred: number;
  bounced: number;
  expired: number;
  /** Discarded, deleted, held, internal hops. */
  other: number;
  /** Of total: the far side was not contacted (delivery suspended and the like). */
  not_contacted: number;
}

/** Each (chain, recipient) attempted in the window once. */
export interface Recipients {
  attempted: number;
  /** With at least one deferred attempt in the window. */
  deferred: number;
  /** Of deferred: by greylisting. */
  greylisted: number;
  /** Whose last attempt was accepted. */
  accepted_last: number;
}

/** The rates; each defined once in the metric crate. */
export interface Rates {
  /** bounced / (delivered + relayed + bounced + expired), the denominator of the next three as well */
  bounce_rate: Ratio;
  /** bounced with recipient scope and permanent / the same */
  hard_bounce_rate: Ratio;
  /** expired / the same */
  expiry_rate: Ratio;
  /** (bounced + expired) / the same */
  failure_rate: Ratio;
  /** recipients with a deferred attempt / recipients attempted */
  deferral_rate: Ratio;
  /** the same without those greylisted: what alerts look at */
  deferral_rate_without_greylisting: Ratio;
  /** recipients greylisted / recipients attempted */
  greylisted_rate: Ratio;
  /** recipients whose last attempt was accepted / recipients attempted */
  acceptance_now: Ratio;
}

/** Every figure of one group. */
export interface Figures {
  outcomes: Outcomes;
  attempts: Attempts;
  recipients: Recipients;
  rates: Rates;
  /** Arrival to delivery, of delivered and relayed recipients. */
  delay: Percentiles;
  /** Bytes of delivered and relayed recipients. */
  bytes: number;
}

/** Percentiles of Postfix's a/b/c/d, of delivered attempts. */
export interface DelayParts {
  before_queue_manager: Percentiles;
  in_queue: Percentiles;
  connection: Percentiles;
  transmission: Percentiles;
}

/** What arrived (first hops), at arrival. */
export interface Received {
  messages: number;
  recipients: number;
  bytes: number;
}

/** The door: refusals and logins in the window. Not subject to population and direction. */
export interface Inbound {
  /** Refusals by what was done. */
  rejections: {
    total: number;
    reject: number;
    defer: number;
    discard: number;
    hold: number;
    warn: number;
  };
  /** Logins. */
  auth: {
    ok: number;
    failed: number;
  };
  /** Inbound connections that ended. */
  sessions: {
    total: number;
    /** Lost before the message. */
    lost: number;
  };
}

/** Delivery notifications (null sender) made here. */
export interface Notifications {
  sent: number;
  delivered: number;
  failed: number;
  /** Sent to senders outside (backscatter suspects). */
  to_outside: number;
}

/** Every number of one window. */
export interface Summary {
  window: Window;
  coverage: Coverage;
  /** Is mail flowing? One plain sentence. */
  sentence: string;
  /** `quiet`: nothing attempted in the window. `trouble`: a large share is refused, deferred or waits. */
  health: 'good' | 'attention' | 'trouble' | 'quiet' | 'unknown';
  received: Received;
  figures: Figures;
  delay_parts: DelayParts;
  by_direction: Array<{
    direction: 'outbound' | 'inbound' | 'forwarded' | 'local' | 'mixed' | 'unknown';
    outcomes: Outcomes;
    rates: Rates;
  }>;
  /** Null where it is not counted: of one domain, sender domain or user over a long time. */
  inbound: Inbound | null;
  notifications: Notifications;
}

/** `deferred` counts attempts, `deferred_recipients` each recipient once. `rejected` and `auth_failed` ignore population and direction. */
export type Metric = 'received' | 'delivered' | 'relayed' | 'bounced' | 'hard_bounced' | 'expired' | 'discarded' | 'attempts' | 'deferred' | 'deferred_recipients' | 'rejected' | 'auth_failed' | 'bytes' | 'delay_p50' | 'delay_p95' | 'bounce_rate' | 'failure_rate' | 'deferral_rate' | 'acceptance_now';

/** Values over time. `times[i]` is the start of step i; every series has as many values as there are times. */
export interface Series {
  window: Window;
  /** Nominal width of a step in seconds. */
  step_s: number;
  times: string[];
  series: Array<{
    metric: Metric;
    /** The group's key with `by`, else null; `other` is the folded rest. */
    key: string | null;
    label: string;
    unit: 'count' | 'ratio' | 'seconds' | 'bytes';
    /** null: not known (not yet complete) or n is 0. */
    values: Array<number | null>;
    /** Sample sizes, for ratios. */
    n: number[] | null;
  }>;
  /** With `context=yes`. */
  context: SeriesContext | null;
}

/** What stands behind a chart. Empty for users of some domains. */
export interface SeriesContext {
  /** What the alert rules expect of ordinary outbound mail, as a whole or of one provider; metrics of which nothing was learned are left out. */
  usual: Array<{
    metric: Metric;
    low: Array<number | null>;
    high: Array<number | null>;
    /** How many weeks tell so; 0 when days do. */
    weeks: number;
  }>;
  /** Incidents, and changes that probes saw. */
  markers: SeriesMarker[];
}

export interface SeriesMarker {
  kind: 'incident' | 'change';
  since: string;
  /** null while it goes on, and for changes. */
  until: string | null;
  title: string;
  severity: 'page' | 'ticket' | 'info';
  page: string;
}

/** One group. */
export interface BreakdownRow {
  key: string;
  /** For people. */
  label: string;
  figures: Figures;
  /** The commonest reason among its failed or deferred attempts. */
  top_reason: string | null;
  /** Recipients deferred, bounced or expired in the window; `sort=trouble` orders by it. */
  recipients_in_trouble: number;
  first_seen: string | null;
  last_seen: string | null;
  explanation: Explanation | null;
}

/** Groups in order, and what was left out. */
export interface Breakdown {
  window: Window;
  by: 'provider' | 'domain' | 'sender_domain' | 'sender' | 'relay' | 'instance' | 'reason' | 'client';
  sort: string;
  rows: BreakdownRow[];
  /** How many groups there are; null when not known exactly. */
  total_rows: number | null;
  /** False when the long tail was folded. */
  exact: boolean;
  /** Of all groups together. */
  total: Figures;
}

/** What a reason means, in words. */
export interface Explanation {
  title: string;
  cause: string;
  /** Steps. */
  fix: string[];
  /** Who must act. */
  who: 'us' | 'recipient' | 'receiver' | 'network' | 'unknown';
  /** Who must act, as a sentence. */
  act: string;
  /** Where to read on or ask, the most specific first. */
  links: string[];
  /** A sentence for the sender of the message; may be empty. */
  tell_sender: string;
}

/** What a reply quotes beside its meaning. */
export interface Quoted {
  /** IP addresses, mostly ours; loopback is left out. */
  ips: string[];
  /** The block list it names. */
  list: string | null;
  /** The first link. */
  link: string | null;
  /** The id by which the far side finds the refusal. */
  ticket: string | null;
}

/** What a reply means. */
export interface Verdict {
  /** One of the closed list of reasons. */
  reason: string;
  scope: 'unknown' | 'recipient' | 'sender' | 'message' | 'network' | 'local';
  fault: 'unknown' | 'us' | 'recipient' | 'receiver' | 'network';
  permanent: boolean;
  /** Whether a retry can succeed. */
  retry: boolean;
  rule: string;
  /** Percent. */
  confidence: number;
  explanation: Explanation | null;
}

/** Of messages: the state of their recipients (`mixed` when they differ; `deferred`: waiting for a retry; `queued`: not tried yet). `refused`: an inbound refusal. `lost`: a connection that ended before the message. */
export type ItemStatus = 'delivered' | 'relayed' | 'bounced' | 'expired' | 'deferred' | 'queued' | 'held' | 'discarded' | 'deleted' | 'rejected' | 'mixed' | 'unknown' | 'refused' | 'lost';

/** A message (its whole chain), a refusal or a lost connection. */
export interface Item {
  /** 16 hexadecimal digits, as `id` in `mailvane events`. */
  id: string;
  kind: 'message' | 'rejection' | 'session';
  /** Arrival, or when it was refused. */
  time: string;
  /** When last something happened to it. */
  last_time: string;
  status: ItemStatus;
  /** One plain sentence to paste to a user. */
  sentence: string;
  host: string;
  instance: string;
  queue_id: string | null;
  message_id: string | null;
  /** `<>` for the null sender. */
  sender: string | null;
  /** At most 5. */
  recipients: string[];
  recipient_count: number;
  client_name: string | null;
  client_ip: string | null;
  sasl_user: string | null;
  /** Bytes. */
  size: number | null;
  direction: 'outbound' | 'inbound' | 'forwarded' | 'local' | 'mixed' | 'unknown';
  population: 'ordinary' | 'notification' | 'probe' | 'own';
  provider: string | null;
  reason: string | null;
  reply_code: number | null;
  enhanced_code: string | null;
  reply_text: string | null;
  attempts: number;
  /** Arrival to the final state. */
  delay_s: number | null;
}

/** What was searched, so that nothing found means something. */
export interface Searched {
  sources: string[];
  since: string;
  until: string;
  complete_to: string | null;
  /** Log time of the oldest row kept. */
  data_from: string | null;
  understood: Ratio;
  /** How the words were read: `address`, `domain`, `ip`, `network`, `queue_id`, `message_id`, `text`, or `all` when q is empty. */
  matched_as: 'address' | 'domain' | 'ip' | 'network' | 'queue_id' | 'message_id' | 'text' | 'all';
  /** In words. */
  sentence: string;
}

/** Newest first. */
export interface Messages {
  window: Window;
  items: Item[];
  /** Give it as `cursor` for the next page; null at the end. */
  next_cursor: string | null;
  searched: Searched;
}

/** TLS of a hop or attempt. */
export interface Tls {
  version: string;
  cipher: string | null;
  verification: string | null;
}

/** One try for one recipient. */
export interface Attempt {
  id: string;
  time: string;
  recipient: string;
  orig_recipient: string | null;
  /** 1-based. */
  attempt: number;
  status: 'delivered' | 'deferred' | 'bounced' | 'expired' | 'discarded' | 'deleted' | 'held' | 'internal_hop';
  handed_to: 'nobody' | 'mailbox' | 'remote' | 'smarthost' | 'filter' | 'command' | 'file' | null;
  relay_host: string | null;
  relay_ip: string | null;
  relay_port: number | null;
  provider: string | null;
  contacted: boolean;
  reply_code: number | null;
  enhanced_code: string | null;
  reply_text: string | null;
  verdict: Verdict | null;
  delay_s: number | null;
  /** Before the queue manager, in the queue, connection, transmission. */
  delays_s: number[] | null;
  tls: Tls | null;
  sentence: string;
}

/** One queue-id lifetime. */
export interface Hop {
  id: string;
  queue_id: string;
  host: string;
  instance: string;
  mta: string;
  arrived: string;
  removed: string | null;
  client_name: string | null;
  client_ip: string | null;
  sasl_user: string | null;
  service: string | null;
  tls: Tls | null;
  sender: string | null;
  size: number | null;
  recipients: number | null;
  previous_hop: string | null;
  next_hop: string | null;
  /** How it came in. */
  sentence: string;
  attempts: Attempt[];
}

/** The state of one (chain, recipient). */
export interface RecipientState {
  recipient: string;
  orig_recipient: string | null;
  outcome: 'queued' | 'delivered' | 'bounced' | 'expired' | 'discarded' | 'deleted' | 'rejected' | 'unknown' | 'held';
  handed_to: string | null;
  time: string;
  attempts: number;
  deferrals: number;
  /** About when it is tried again, where known. */
  next_try: string | null;
  expires: string | null;
  provider: string | null;
  relay_host: string | null;
  reply_code: number | null;
  enhanced_code: string | null;
  reply_text: string | null;
  verdict: Verdict | null;
  delay_s: number | null;
  sentence: string;
}

/** An inbound refusal. */
export interface Rejection {
  time: string;
  client_name: string | null;
  client_ip: string | null;
  helo: string | null;
  stage: string;
  action: 'reject' | 'defer' | 'hold' | 'discard' | 'warn';
  sender: string | null;
  recipient: string | null;
  reply_code: number | null;
  enhanced_code: string | null;
  reply_text: string | null;
  verdict: Verdict | null;
}

/** Another message tied to this one. */
export interface Related {
  id: string;
  queue_id: string;
  /** `notification`: a delivery notification about this message. `bounce_of`: the message that this notification is about. */
  relation: 'notification' | 'bounce_of';
  time: string;
  recipients: string[];
  status: ItemStatus;
  sentence: string;
}

/** A raw log line. */
export interface Line {
  source: string;
  offset: number;
  time: string | null;
  /** Id of its hop. */
  hop: string | null;
  text: string;
}

/** The life of one message, hop by hop, or one refusal. */
export interface Life {
  item: Item;
  recipients: RecipientState[];
  /** In order of arrival. */
  hops: Hop[];
  rejection: Rejection | null;
  related: Related[];
  lines: Line[];
  /** `pending`: they follow (compressed file): ask again. `gone`: the log no longer holds them. */
  lines_state: 'complete' | 'partial' | 'pending' | 'gone';
  lines_note: string | null;
}

/** Where bytes come from: a file with its rotations. */
export interface Source {
  /** Path or name. */
  name: string;
  kind: 'file' | 'journal' | 'syslog' | 'spool' | 'demo';
  /** `reading`: history is being read. `live`: followed to its end. `waiting`: not there yet. `failed`: see problem. `done`: read once (import). */
  state: 'reading' | 'live' | 'waiting' | 'failed' | 'done';
  /** `shadow`: carries lines that another source of the stream feeds already. */
  role: 'feed' | 'shadow';
  shadow_of: string | null;
  streams: string[];
  /** With rotations. */
  files: number;
  /** Known so far, all rotations. */
  bytes: number;
  /** Bytes read and committed. */
  offset: number;
  /** 0 to 1; null when not known. */
  progress: number | null;
  /** Seconds from the write of a line to its commit, of the last commit. */
  lag_s: number | null;
  /** Written and not yet read. */
  lag_bytes: number;
  lines: number;
  /** Log time of the last line. */
  last_line: string | null;
  problem: Problem | null;
}

/** Trouble with one command that ends it. */
export interface Problem {
  message: string;
  hint: string | null;
}

/** One MTA instance on one origin. */
export interface Stream {
  name: string;
  origin: string;
  host: string;
  instance: string;
  mta: string;
  version: string | null;
  watermark: string | null;
  open_messages: number;
  feed: string | null;
}

/** How much of one daemon's lines was understood. */
export interface DaemonCoverage {
  source: string;
  daemon: string;
  lines: number;
  recognised: number;
  ignored: number;
  unparsed: number;
  understood: Ratio;
}

/** An unparsed line. */
export interface Sample {
  source: string;
  daemon: string;
  /** Lines of this shape. */
  count: number;
  /** One of them. */
  text: string;
  last_seen: string | null;
}

/** Bytes gone before they were read. */
export interface Gap {
  source: string;
  from_offset: number | null;
  to_offset: number | null;
  from_time: string | null;
  to_time: string | null;
  text: string;
}

/** A named limit, how full it is and how often it was hit. */
export interface Limit {
  name: string;
  limit: number;
  value: number | null;
  hits: number;
}

/** What is read, and how well. */
export interface Sources {
  coverage: Coverage;
  sources: Source[];
  streams: Stream[];
  daemons: DaemonCoverage[];
  samples: Sample[];
  gaps: Gap[];
  limits: Limit[];
}

/** Waiting mail of one group. */
export interface QueueGroup {
  key: string;
  label: string;
  messages: number;
  recipients: number;
  /** Arrival of the oldest. */
  oldest: string | null;
  top_reason: string | null;
}

/** In flight now. */
export interface Queue {
  as_of: string;
  /** `inferred` from the log, `listed` by the mail software, or both. */
  method: 'inferred' | 'listed' | 'both';
  /** Messages that arrived before this may be missing. */
  complete_since: string | null;
  messages: number;
  /** Still to deliver. */
  recipients: number;
  /** Messages not yet tried or tried right now. */
  being_tried: number;
  /** Messages waiting for a retry. */
  waiting: number;
  held: number;
  /** Of messages: null sender. */
  notifications: number;
  by_provider: QueueGroup[];
  by_reason: QueueGroup[];
  by_domain: QueueGroup[];
  /** The 10 that wait longest. */
  oldest: Item[];
}

/** How many refusals had a reason. */
export interface ReasonCount {
  reason: string;
  count: number;
}

/** What one network did at our door: /24, or /48 for IPv6. */
export interface SecurityNetwork {
  network: string;
  /** Refusals for good. */
  refused: number;
  /** Refusals for now. */
  put_off: number;
  reasons: ReasonCount[];
  /** Logins that failed. */
  failed: number;
  /** Logins that succeeded. */
  ok: number;
  /** Names it tried to log in as. */
  users: number;
  first: string;
  last: string;
}

/** What one account did. */
export interface SecurityUser {
  user: string;
  /** Whether somebody else may have its password. */
  suspect: boolean;
  /** Why, as a sentence. */
  why: string | null;
  failed: number;
  ok: number;
  /** Messages it handed in. */
  messages: number;
  /** Their recipients. */
  recipients: number;
  /** Where it was used from; at most 20. */
  networks: string[];
  /** Where its password was found after failures. */
  guessed_from: string[];
  first: string;
  last: string;
}

/** Refusals and logins. */
export interface Security {
  window: Window;
  refused: number;
  put_off: number;
  reasons: ReasonCount[];
  /** Logins that failed. */
  failed: number;
  /** Logins that succeeded. */
  ok: number;
  /** Accounts that somebody else may use. */
  suspects: number;
  networks: SecurityNetwork[];
  total_networks: number;
  users: SecurityUser[];
  total_users: number;
  /** Rows of networks and users that were too many to be told apart. */
  over_limit: number;
}

/** A login at the mail server. */
export interface SeenLogin {
  time: string;
  result: 'ok' | 'failed';
  user: string | null;
  client_ip: string | null;
  client_name: string | null;
  method: string | null;
  /** The answer or the reason. */
  reply_text: string | null;
}

/** Logins, newest first. */
export interface Logins {
  window: Window;
  /** How many there are in all. */
  total: number;
  items: SeenLogin[];
}

/** Findings of each state. */
export interface ProbeCounts {
  ok: number;
  unknown: number;
  warnings: number;
  problems: number;
}

/** A domain that a probe looks at. */
export interface DomainRow {
  domain: string;
  /** The probe that looks at it. */
  probe: string;
  /** Of the worst finding. */
  state: 'ok' | 'unknown' | 'warning' | 'problem';
  severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
  counts: ProbeCounts;
  /** The worst finding in one line; null when nothing is wrong. */
  worst: string | null;
  last_run: string | null;
  next_run: string | null;
}

/** Domains that probes look at. */
export interface Domains {
  domains: DomainRow[];
}

/** What was asked and what came back, as it came. */
export interface ProbeEvidence {
  question: string;
  answer: string;
  server: string;
  time: string;
  /** Seconds. */
  ttl: number | null;
}

/** A step of a conversation. */
export interface ProbeTiming {
  step: string;
  ms: number;
}

/** What the last run says instead, not yet borne out by a second one. */
export interface FindingCandidate {
  state: 'ok' | 'unknown' | 'warning' | 'problem';
  severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
  title: string;
  since: string;
  runs: number;
}

/** Runs that could not find out. */
export interface FindingSilence {
  since: string;
  title: string;
}

/** One result of a probe with its past. */
export interface Finding {
  /** The domain or server of the probe. */
  scope: string;
  /** The rule, stable over versions: `spf.lookups`. */
  check: string;
  /** What it is about: a domain, an address, a host. */
  subject: string;
  state: 'ok' | 'unknown' | 'warning' | 'problem';
  /** How much it matters while the state is bad. */
  severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
  title: string;
  /** What it means for mail. */
  means: string | null;
  /** What to do. */
  fix: string | null;
  /** The checked fact in comparable parts. */
  value: string[];
  /** From where it is true. */
  vantage: 'host' | 'network' | 'outside';
  evidence: ProbeEvidence[];
  timings: ProbeTiming[];
  /** When the rule was first looked at. */
  first_seen: string;
  /** When the answer was last known. */
  last_seen: string;
  /** Since when it stands as it does. */
  since: string;
  candidate: FindingCandidate | null;
  silent: FindingSilence | null;
}

/** A change that two runs bore out. */
export interface FindingChange {
  probe: string;
  scope: string;
  /** When it was first seen. */
  time: string;
  confirmed: string;
  check: string;
  subject: string;
  before: 'ok' | 'unknown' | 'warning' | 'problem';
  after: 'ok' | 'unknown' | 'warning' | 'problem';
  severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
  title: string;
  /** Parts of the fact that came. */
  added: string[];
  /** Parts that went. */
  removed: string[];
  sentence: string;
}

/** What differs between two times. */
export interface FindingDifference {
  check: string;
  subject: string;
  before: 'ok' | 'unknown' | 'warning' | 'problem';
  after: 'ok' | 'unknown' | 'warning' | 'problem';
  last_change: string;
  title: string;
  added: string[];
  removed: string[];
  /** Changes on the way. */
  steps: number;
}

/** A rule of a large receiver. */
export interface SheetLine {
  provider: string;
  /** `bulk`: for who sends about 5000 messages a day there. */
  for: 'all' | 'bulk';
  rule: string;
  result: 'pass' | 'fail' | 'unknown';
  /** What this rests on. */
  because: string | null;
}

/** What the servers of a domain use. */
export interface LearnedValue {
  what: 'sending_ip' | 'helo' | 'sender' | 'selector' | 'smarthost';
  value: string;
  /** Where it was learned. */
  source: string;
  last_seen: string | null;
}

/** Everything about a domain. */
export interface DomainSheet {
  domain: string;
  probe: string;
  state: 'ok' | 'unknown' | 'warning' | 'problem';
  severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
  counts: ProbeCounts;
  last_run: string | null;
  next_run: string | null;
  running_since: string | null;
  learned: LearnedValue[];
  sheet: SheetLine[];
  /** Those that want something first. */
  findings: Finding[];
  /** The latest first. */
  changes: FindingChange[];
}

/** How long the conversation with one server took. */
export interface ScopeLatency {
  scope: string;
  ms: number;
  /** The legs of a round trip, in their order; the last is the whole way. */
  legs: ProbeTiming[];
}

/** Why nothing was found of one domain or server. */
export interface ScopeFailure {
  scope: string;
  why: string;
}

/** One run of a probe. */
export interface ProbeRun {
  time: string;
  took_ms: number;
  counts: ProbeCounts;
  /** Runs that it made up for. */
  missed: number;
  /** Findings for which there was no room. */
  dropped: number;
  latency_ms: ScopeLatency[];
  failed: ScopeFailure[];
}

/** A domain or server of a probe. */
export interface ProbeScope {
  scope: string;
  state: 'ok' | 'unknown' | 'warning' | 'problem';
  severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
  counts: ProbeCounts;
  latency_ms: number | null;
  failed: string | null;
}

/** A probe as it stands. */
export interface ProbeSummary {
  /** Its name. */
  id: string;
  kind: 'dns' | 'smtp' | 'imap' | 'pop3' | 'tls' | 'http' | 'dnsbl';
  /** A line of cron. */
  schedule: string;
  time_zone: string;
  state: 'ok' | 'unknown' | 'warning' | 'problem';
  severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
  counts: ProbeCounts;
  next: string | null;
  running_since: string | null;
  last: ProbeRun | null;
  scopes: ProbeScope[];
}

/** Probes as they stand. */
export interface Probes {
  probes: ProbeSummary[];
}

/** One probe with its findings. */
export interface Probe {
  probe: ProbeSummary;
  findings: Finding[];
}

/** Runs and changes within a time. */
export interface ProbeHistory {
  probe: string;
  since: string;
  until: string;
  /** The latest first. */
  runs: ProbeRun[];
  /** The latest first. */
  changes: FindingChange[];
  difference: FindingDifference[];
  /** Whether all changes of the time are in it. */
  complete: boolean;
}

/** A run was asked for. */
export interface ProbeAsked {
  probe: string;
  asked: boolean;
}

/** Trouble on this server: warnings and worse of the mail daemons, grouped by normalised text. */
export interface Trouble {
  window: Window;
  groups: Array<{
    level: 'info' | 'warning' | 'error' | 'fatal' | 'panic' | 'gap';
    daemon: string;
    /** Normalised. */
    text: string;
    sample: string;
    count: number;
    first: string;
    last: string;
    host: string;
  }>;
  total_groups: number;
}

/** Failed attempts with one meaning and one template at one provider. */
export interface FailureGroup {
  provider: string | null;
  provider_name: string | null;
  reason: string;
  /** The reply with placeholders for names, numbers and addresses. */
  template: string;
  verdict: Verdict;
  attempts: number;
  bounced: number;
  deferred: number;
  /** Attempts for which nobody was contacted. */
  suspended: number;
  /** Each once. */
  recipients: number;
  first: string;
  last: string;
  /** Attempts in equal parts of the window. */
  trend: number[];
  samples: Array<{
    time: string;
    /** The message. */
    id: string | null;
    recipient: string | null;
    relay_host: string | null;
    reply: string;
    quoted: Quoted;
  }>;
}

/** What fails, the most harmful first. */
export interface Failures {
  window: Window;
  groups: FailureGroup[];
  total_groups: number;
  trend_step_s: number;
  /** Replies that no rule names. */
  unclassified: {
    templates: number;
    attempts: number;
  };
  /** Attempts of further templates than can be told apart. */
  attempts_over_limit: number;
  /** Whether every recipient was told apart. */
  exact: boolean;
}

/** An address with its evidence. */
export interface SuppressionEntry {
  address: string;
  ground: 'gone' | 'full_for_long' | 'domain_gone' | 'complained' | null;
  missing: 'full_bounces' | 'second_look' | 'confidence' | null;
  reason: string;
  provider: string | null;
  provider_name: string | null;
  reply_code: number | null;
  enhanced_code: string | null;
  reply: string | null;
  rule: string | null;
  /** Percent. */
  confidence: number;
  /** For this reason, since it last worked. */
  bounces: number;
  first: string;
  last: string;
  days: number;
  delivered_before: string | null;
  delivered_after: string | null;
}

/** Addresses by what is to be done with them. */
export interface Suppression {
  since: string | null;
  until: string | null;
  suppress: SuppressionEntry[];
  held_back: Array<{
    provider: string | null;
    provider_name: string | null;
    addresses: number;
    first: string;
    last: string;
    entries: SuppressionEntry[];
  }>;
  not_yet: SuppressionEntry[];
  works_again: SuppressionEntry[];
  addresses_over_limit: number;
}

/** A file of history being read. */
export interface Reading {
  name: string;
  /** 0 to 1. */
  progress: number;
  bytes: number;
  read: number;
  time_reached: string | null;
}

/** Mail software found. */
export interface Software {
  mta: string;
  version: string | null;
  host: string;
  instance: string;
}

/** The store. */
export interface StoreNumbers {
  bytes: number;
  segments: number;
  attempts: number;
  messages: number;
  rejections: number;
  commits: number;
  oldest: string | null;
}

/** Where Mailvane stands. */
export interface Status {
  version: string;
  demo: boolean;
  /** To be shown on every page, e.g. that the data is simulated. */
  banner: string | null;
  now: string;
  started: string;
  /** IANA name of the server's zone. */
  time_zone: string;
  /** `first_read`: history of the first start is being read. `no_source`: no mail log was found or can be read. */
  state: 'first_read' | 'live' | 'no_source';
  complete_to: string | null;
  data_from: string | null;
  software: Software[];
  reading: Reading[];
  /** Of all files of history together, 0 to 1. */
  progress: number;
  /** Messages so far. */
  messages: number;
  lines: number;
  /** Over the last 10 s. */
  lines_per_s: number;
  /** e.g. `http://127.0.0.1:8624` */
  listen: string;
  streams: number;
  store: StoreNumbers;
  problems: Problem[];
  /** In flight now. */
  queue: {
    messages: number;
    recipients: number;
  };
}

/** Counts of one minute of log time, hot rows included. Messages received; attempts by status (all directions, ordinary population, without internal hops); refusals; failed logins. */
export interface Minute {
  start: string;
  received: number;
  delivered: number;
  deferred: number;
  bounced: number;
  expired: number;
  rejected: number;
  auth_failed: number;
}

/** Data of SSE event `tick`, once a second while something changes, at least every 5 s. The first of a connection carries the last 60 minutes, later ones those that changed; replace by `start`. */
export interface Tick {
  now: string;
  complete_to: string | null;
  /** Grows with every commit: when it changes, figures may be asked again. */
  revision: number;
  lines_per_s: number;
  minutes: Minute[];
}

export interface SessionUser {
  name: string;
  role: 'metrics' | 'viewer' | 'operator' | 'administrator';
  /** Domains whose mail the user may see; null means all. */
  domains: string[] | null;
  /** Whether addresses are shown without their local parts. */
  blurred: boolean;
  how: 'session' | 'token' | 'proxy';
}

export interface Session {
  /** `open`: there is no administrator, and everybody on the machine itself may look. */
  access: 'open' | 'closed';
  /** Whether the link for the first administrator can be used. */
  setup: boolean;
  user: SessionUser | null;
  /** To be sent with every change, as `X-Mailvane-CSRF`. */
  csrf: string | null;
  password_min: number;
}

export interface Login {
  name: string;
  password: string;
  code?: string | null;
}

export interface Setup {
  secret: string;
  name: string;
  password: string;
}

export interface Account {
  name: string;
  role: 'viewer' | 'operator' | 'administrator';
  /** Domains whose mail the user may see; null means all. */
  domains: string[] | null;
  /** Whether one-time codes are on. */
  totp: boolean;
  recovery_left: number;
  has_password: boolean;
  created: string;
  seen: string | null;
}

export interface NewPassword {
  current: string;
  new: string;
}

export interface Proof {
  password: string;
}

export interface TotpSecret {
  /** Base32, to be typed into the app. */
  secret: string;
  /** `otpauth://` address, for a link or a picture. */
  address: string;
}

export interface FirstCode {
  code: string;
}

/** Told this once; each lets in once when the telephone is lost. */
export interface RecoveryCodes {
  recovery: string[];
}

export interface LoginSession {
  id: number;
  name: string;
  created: string;
  seen: string;
  /** If it is not used again. */
  ends: string;
  address: string;
  agent: string;
  current: boolean;
}

export interface LoginSessions {
  sessions: LoginSession[];
}

export interface User {
  name: string;
  role: 'viewer' | 'operator' | 'administrator';
  /** Domains whose mail the user may see; null means all. */
  domains: string[] | null;
  totp: boolean;
  has_password: boolean;
  created: string;
  seen: string | null;
}

export interface Users {
  users: User[];
}

export interface NewUser {
  name: string;
  role: 'viewer' | 'operator' | 'administrator';
  password?: string | null;
  /** Domains whose mail the user may see; null means all. */
  domains?: string[] | null;
}

export interface UserChange {
  role: 'viewer' | 'operator' | 'administrator';
  /** Domains whose mail the user may see; null means all. */
  domains?: string[] | null;
}

export interface ResetPassword {
  password: string;
}

export interface Token {
  id: number;
  owner: string;
  name: string;
  /** How it begins. */
  prefix: string;
  scopes: Array<'metrics' | 'read' | 'operate' | 'administer'>;
  created: string;
  expires: string | null;
  seen: string | null;
}

export interface Tokens {
  tokens: Token[];
}

export interface NewToken {
  name: string;
  scopes: Array<'metrics' | 'read' | 'operate' | 'administer'>;
  days?: number | null;
}

export interface NewTokenAnswer {
  /** Told this once. */
  token: string;
  row: Token;
}

export interface Deed {
  time: string;
  who: string;
  address: string;
  action: string;
  detail: string;
}

export interface Audit {
  deeds: Deed[];
  next_cursor: string | null;
}
