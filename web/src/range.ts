// The time range of a page, as its address has it: `range=24h`, or `since=...&until=...`.
import { dateTime } from './format';

export interface Range {
  /** As the API takes it: a span or RFC 3339. */
  since: string;
  /** `now` or RFC 3339. */
  until: string;
  /** Whether it moves with the clock. */
  moving: boolean;
}

export interface Preset {
  span: string;
  label: string;
}

export const PRESETS: readonly Preset[] = [
  { span: '1h', label: 'Last hour' },
  { span: '6h', label: 'Last 6 hours' },
  { span: '24h', label: 'Last 24 hours' },
  { span: '7d', label: 'Last 7 days' },
  { span: '30d', label: 'Last 30 days' },
  { span: '90d', label: 'Last 90 days' },
];

const SPAN = /^\d{1,4}[smhdw]$/;

/** Reads the range; what cannot be read falls back to `fallback` (a span). */
export function readRange(query: URLSearchParams, fallback: string): Range {
  const since = query.get('since');
  const until = query.get('until');
  if (since && isTime(since)) return { since, until: until && isTime(until) ? until : 'now', moving: !(until && isTime(until)) };
  const span = query.get('range');
  return { since: span && SPAN.test(span) ? span : fallback, until: 'now', moving: true };
}

/** The parameters that put a range of two times (milliseconds) into the address. */
export function fixedRange(since: number, until: number): Record<string, string | null> {
  return { range: null, since: whole(since), until: whole(until), cursor: null };
}

/** The parameters that put a span before now into the address. */
export function spanRange(span: string): Record<string, string | null> {
  return { range: span, since: null, until: null, cursor: null };
}

/** The range parameters of an address, to carry over to another page. */
export function carryRange(query: URLSearchParams): Record<string, string | null> {
  return { range: query.get('range'), since: query.get('since'), until: query.get('until') };
}

/** The period of the same length that ended where this one begins, as parameters of a question. */
export function before(window: { since: string; until: string }): { since: string; until: string } {
  const [since, until] = [Date.parse(window.since), Date.parse(window.until)];
  return { since: whole(since - (until - since)), until: whole(since) };
}

/** In words, for the button that changes it. */
export function rangeLabel(range: Range): string {
  const preset = PRESETS.find((each) => each.span === range.since);
  if (range.until === 'now') return preset ? preset.label : isTime(range.since) ? `Since ${dateTime(range.since)}` : `Last ${range.since}`;
  return `${dateTime(range.since)} – ${dateTime(range.until)}`;
}

/** The value of an `<input type="datetime-local">` in the reader's zone. */
export function toLocalInput(time: string | number): string {
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function isTime(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}T/.test(text) && !Number.isNaN(Date.parse(text));
}

function whole(milliseconds: number): string {
  return new Date(Math.round(milliseconds / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
