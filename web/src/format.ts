// Numbers and times for people. Nothing known is shown as a dash.
import type { Ratio } from './api';

export const NOTHING = '–';
const LOCALE = 'en-GB';

const whole = new Intl.NumberFormat(LOCALE);
const short = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 });

/** 41,200 */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NOTHING : whole.format(value);
}

/** 41.2K, for places where width is short. */
export function brief(value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  return Math.abs(value) < 10_000 ? whole.format(value) : short.format(value);
}

/** A share of 1 in percent, with as many digits as it needs: 0.04 %, 3.2 %, 99.97 %, 100 %. */
export function percent(value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  const scaled = value * 100;
  if (scaled === 0 || scaled === 100) return `${scaled} %`;
  const nearEnd = Math.min(scaled, 100 - scaled);
  if (nearEnd > 0 && nearEnd < 0.005) return scaled < 50 ? '< 0.01 %' : '> 99.99 %';
  const digits = nearEnd < 1 ? 2 : 1;
  return `${scaled.toFixed(digits)} %`;
}

/** The value of a ratio; a dash when nothing was counted. */
export function ratio(of: Ratio | null | undefined): string {
  return of && of.n > 0 ? percent(of.value) : NOTHING;
}

/** "38 of 1,204" */
export function ofN(of: Ratio | null | undefined): string {
  return of && of.n > 0 ? `${count(of.numerator)} of ${count(of.n)}` : 'none yet';
}

/** Seconds with a unit that fits: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min, 4 d 3 h. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds < 0.01) return seconds === 0 ? '0 s' : '< 0.01 s';
  if (seconds < 10) return `${trim(seconds.toFixed(seconds < 1 ? 2 : 1))} s`;
  const total = Math.round(seconds);
  if (total < 60) return `${total} s`;
  const steps: Array<[number, string, number, string]> = [
    [3600, 'min', 60, 's'],
    [86_400, 'h', 3600, 'min'],
    [Infinity, 'd', 86_400, 'h'],
  ];
  for (const [below, unit, size, lesser] of steps) {
    if (total >= below) continue;
    const units = Math.floor(total / size);
    const smaller = lesser === 's' ? 1 : lesser === 'min' ? 60 : 3600;
    const rest = Math.floor((total % size) / smaller);
    return rest ? `${units} ${unit} ${rest} ${lesser}` : `${units} ${unit}`;
  }
  return NOTHING;
}

/** Bytes in decimal units: 812 B, 4.3 kB, 1.2 GB. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  let size = value;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (Math.abs(size) < 1000) return unit === 'B' ? `${size} B` : `${trim(size.toFixed(size < 10 ? 1 : 0))} ${unit}`;
    size /= 1000;
  }
  return `${trim(size.toFixed(size < 10 ? 1 : 0))} TB`;
}

function trim(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** The reader's time zone, e.g. `Europe/Berlin`. */
export const ZONE: string = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

const clockFormat = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minuteFormat = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short' });
const yearFormat = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric' });
const offsetFormat = new Intl.DateTimeFormat(LOCALE, { timeZoneName: 'longOffset' });

type Moment = string | number | null | undefined;

function moment(time: Moment): Date | null {
  if (time === null || time === undefined) return null;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** 14:02:11 */
export function clock(time: Moment): string {
  const date = moment(time);
  return date ? clockFormat.format(date) : NOTHING;
}

/** 22 Nov */
export function day(time: Moment, now: number = Date.now()): string {
  const date = moment(time);
  if (!date) return NOTHING;
  return date.getFullYear() === new Date(now).getFullYear() ? dayFormat.format(date) : yearFormat.format(date);
}

/** 22 Nov 14:02, with the year when it is not this one. */
export function dateTime(time: Moment, now: number = Date.now()): string {
  const date = moment(time);
  return date ? `${day(date.getTime(), now)} ${minuteFormat.format(date)}` : NOTHING;
}

/** 22 Nov 14:02:11 */
export function dateClock(time: Moment, now: number = Date.now()): string {
  const date = moment(time);
  return date ? `${day(date.getTime(), now)} ${clockFormat.format(date)}` : NOTHING;
}

/** Today only the clock, else the day too: for lists. */
export function listTime(time: Moment, now: number = Date.now()): string {
  const date = moment(time);
  if (!date) return NOTHING;
  return date.toDateString() === new Date(now).toDateString() ? clockFormat.format(date) : dateTime(date.getTime(), now);
}

/** "3 min ago", "just now", "in 8 min". */
export function ago(time: Moment, now: number): string {
  const date = moment(time);
  if (!date) return NOTHING;
  const seconds = Math.round((now - date.getTime()) / 1000);
  if (Math.abs(seconds) < 5) return 'just now';
  const [text] = duration(Math.abs(seconds)).match(/^\S+ \S+/) ?? [duration(Math.abs(seconds))];
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/** `Europe/Berlin (UTC+1)` */
export function zoneLabel(now: number = Date.now()): string {
  const part = offsetFormat.formatToParts(now).find((each) => each.type === 'timeZoneName')?.value ?? '';
  const offset = part.replace('GMT', 'UTC').replace(/([+-])0?(\d+):00$/, '$1$2').replace(/([+-])0(\d)/, '$1$2');
  return ZONE === 'UTC' || !offset ? ZONE : `${ZONE} (${offset})`;
}

/** Characters that a screen does not show, or that turn the order of others around: strangers write them into logs. */
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Text of strangers with such characters made visible: `␛` for an escape, `‹202e›` for what has no sign of its own. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : `\u2039${code.toString(16).padStart(4, '0')}\u203a`;
  });
}
