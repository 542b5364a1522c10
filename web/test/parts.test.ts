// The arithmetic behind charts, live rates and replies.
import { describe, expect, it } from 'vitest';
import type { Minute } from '../src/api';
import { mergeMinutes } from '../src/live';
import { replyText } from '../src/page/life';
import { perMinute } from '../src/page/overview-live';
import { stack, stretches } from '../src/part/time-chart';
import { sparkPath } from '../src/part/spark';
import { populationSentence, reasonLabel, statusLook } from '../src/words';

const minute = (start: string, received: number): Minute => ({ start, received, delivered: 0, deferred: 0, bounced: 0, expired: 0, rejected: 0, auth_failed: 0 });

describe('live minutes', () => {
  const end = Date.parse('2026-03-02T12:03:10Z');
  it('replace by start, fill holes with zero and forget the old', () => {
    const known = mergeMinutes([], [minute('2026-03-02T12:01:00Z', 5), minute('2026-03-02T12:03:00Z', 1)], end, 3);
    expect(known.map((each) => each.received)).toEqual([5, 0, 1]);
    const later = mergeMinutes(known, [minute('2026-03-02T12:03:00Z', 4), minute('2026-03-02T12:04:00Z', 2)], end + 60_000, 3);
    expect(later.map((each) => each.received)).toEqual([0, 4, 2]);
  });
  it('give a mean of whole minutes only', () => {
    expect(perMinute([])).toBeNull();
    expect(perMinute([9])).toBeNull();
    expect(perMinute([100, 2, 2, 2, 2, 7, 1])).toBe(3);
  });
});

describe('charts', () => {
  it('stack what is visible', () => {
    const layers = [{ values: [1, 2] }, { values: [10, null] }, { values: [100, 200] }];
    expect(stack(layers, new Set())).toEqual([[1, 2], [11, 2], [111, 202]]);
    expect(stack(layers, new Set([0]))[2]).toEqual([110, 200]);
  });
  it('draw no bar for zero', () => {
    expect(sparkPath([0, 0])).toBe('');
    expect(sparkPath([1, 2])).toBe('M0 20v-10h.8v10zM1 20v-20h.8v20z');
  });
});

describe('words', () => {
  it('show a reply once, with its codes', () => {
    expect(replyText({ reply_code: 550, enhanced_code: '5.1.1', reply_text: 'no such user' })).toBe('550 5.1.1 no such user');
    expect(replyText({ reply_code: 550, enhanced_code: '5.1.1', reply_text: '550 5.1.1 no such user' })).toBe('550 5.1.1 no such user');
    expect(replyText({ reply_code: 250, enhanced_code: '2.0.0', reply_text: '2.0.0 OK' })).toBe('250 2.0.0 OK');
    expect(replyText({ reply_code: null, enhanced_code: null, reply_text: 'connect: timed out' })).toBe('connect: timed out');
    expect(replyText({ reply_code: null, enhanced_code: null, reply_text: null })).toBe('');
  });
  it('know every status, and say an unknown one plainly', () => {
    expect(statusLook('bounced')).toEqual({ label: 'bounced', glyph: '✕', tone: 'bad' });
    expect(statusLook('sent_to_mars').label).toBe('sent to mars');
    expect(reasonLabel('something_new')).toBe('something new');
    expect(populationSentence('outbound', 'ordinary')).toBe('Outbound mail to remote recipients, without delivery notifications and probes');
  });
});

describe('incidents behind a chart', () => {
  const incident = (since: string, until: string | null) => ({ kind: 'incident' as const, since, until, title: 'x', severity: 'page' as const, page: '/alerts' });
  it('are one stretch where they overlap, and open ended while they go on', () => {
    const at = (hour: number) => `2026-03-02T${String(hour).padStart(2, '0')}:00:00Z`;
    const found = stretches([incident(at(9), null), incident(at(1), at(3)), incident(at(2), at(5)), incident(at(7), at(8)), { ...incident(at(4), null), kind: 'change' as const }, { ...incident(at(0), null), severity: 'ticket' as const }]);
    expect(found).toEqual([[Date.parse(at(1)), Date.parse(at(5))], [Date.parse(at(7)), Date.parse(at(8))], [Date.parse(at(9)), Infinity]]);
  });
});
