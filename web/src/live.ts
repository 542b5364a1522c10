// What the server says by itself: its status, and counts per minute, by server-sent events.
import { computed, signal } from '@preact/signals';
import type { Minute, Status, Tick } from './api';
import { address, ask } from './client';

/** How many minutes the live panel shows. */
export const LIVE_MINUTES = 60;
/** Figures are asked again at most this often while commits arrive. */
const REFRESH_MS = 5000;
/** ... and at least this often, since a moving range leaves old rows behind. */
const MINUTE_MS = 60_000;

export const status = signal<Status | null>(null);
export const minutes = signal<Minute[]>([]);
export const linesPerSecond = signal(0);
export const completeTo = signal<string | null>(null);
export const connection = signal<'connecting' | 'live' | 'lost'>('connecting');
/** Grows when figures of a moving range should be asked again. */
export const refresh = signal(0);
/** The server's clock, in milliseconds. */
export const now = signal(Date.now());

export const live = computed(() => connection.value === 'live');

/** Lays changed minutes over known ones: sorted, the newest `keep`, with empty ones filled in up to `end` (milliseconds). */
export function mergeMinutes(known: readonly Minute[], changed: readonly Minute[], end: number, keep: number = LIVE_MINUTES): Minute[] {
  const byStart = new Map(known.map((minute) => [Date.parse(minute.start), minute]));
  for (const minute of changed) byStart.set(Date.parse(minute.start), minute);
  const newest = Math.max(Math.floor(end / MINUTE_MS) * MINUTE_MS, ...byStart.keys());
  return Array.from({ length: keep }, (_, index) => {
    const start = newest - (keep - 1 - index) * MINUTE_MS;
    return byStart.get(start) ?? { start: new Date(start).toISOString(), received: 0, delivered: 0, deferred: 0, bounced: 0, expired: 0, rejected: 0, auth_failed: 0 };
  });
}

let revision = -1;
let refreshTimer: ReturnType<typeof setTimeout> | undefined;

function takeTick(tick: Tick): void {
  now.value = Date.parse(tick.now);
  linesPerSecond.value = tick.lines_per_s;
  completeTo.value = tick.complete_to;
  minutes.value = mergeMinutes(minutes.value, tick.minutes, now.value);
  if (tick.revision === revision) return;
  const first = revision === -1;
  revision = tick.revision;
  if (first) return;
  refreshTimer ??= setTimeout(() => {
    refreshTimer = undefined;
    refresh.value += 1;
  }, REFRESH_MS);
}

function takeStatus(next: Status): void {
  const was = status.value?.state;
  status.value = next;
  now.value = Date.parse(next.now);
  completeTo.value = next.complete_to;
  // The end of the first reading changes every figure at once.
  if (was && was !== next.state) refresh.value += 1;
}

export function refreshByTheMinute(): void {
  setInterval(() => {
    if (!document.hidden) refresh.value += 1;
  }, MINUTE_MS);
}

/** Opens the stream; the browser opens it again by itself when it breaks. */
export function connect(): void {
  ask<Status>(address('/status')).then(takeStatus, () => undefined);
  const events = new EventSource(address('/live'));
  events.addEventListener('open', () => {
    connection.value = 'live';
  });
  events.addEventListener('status', (event) => takeStatus(JSON.parse((event as MessageEvent<string>).data) as Status));
  events.addEventListener('tick', (event) => takeTick(JSON.parse((event as MessageEvent<string>).data) as Tick));
  events.addEventListener('error', () => {
    connection.value = 'lost';
    // A stream that was refused outright (503) is closed for good: ask for another one.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, REFRESH_MS);
  });
}
