import { describe, expect, it } from 'vitest';
import { ago, brief, bytes, count, duration, ofN, percent, ratio } from '../src/format';

describe('numbers', () => {
  it('groups thousands and shows a dash for the unknown', () => {
    expect(count(41_200)).toBe('41,200');
    expect(count(null)).toBe('–');
    expect(brief(9_999)).toBe('9,999');
    expect(brief(41_234)).toMatch(/^41\.2k$/i);
  });
  it('gives percent the digits that its size needs', () => {
    expect([0, 0.000_01, 0.000_4, 0.032, 0.5, 0.9997, 0.999_99, 1].map(percent)).toEqual(['0 %', '< 0.01 %', '0.04 %', '3.2 %', '50.0 %', '99.97 %', '> 99.99 %', '100 %']);
  });
  it('never shows a ratio of nothing', () => {
    expect(ratio({ value: null, numerator: 0, n: 0 })).toBe('–');
    expect(ratio({ value: 0, numerator: 0, n: 12 })).toBe('0 %');
    expect(ofN({ value: 0.5, numerator: 602, n: 1204 })).toBe('602 of 1,204');
    expect(ofN({ value: null, numerator: 0, n: 0 })).toBe('none yet');
  });
  it('measures time in two units at most', () => {
    expect([0, 0.004, 0.42, 4.25, 12.6, 60, 200, 7500, 360_000].map(duration)).toEqual(['0 s', '< 0.01 s', '0.42 s', '4.3 s', '13 s', '1 min', '3 min 20 s', '2 h 5 min', '4 d 4 h']);
    expect(duration(null)).toBe('–');
    expect(duration(-30)).toBe('-30 s');
    // No rounding up into "60 s".
    expect(duration(59.7)).toBe('1 min');
  });
  it('measures bytes in decimal units', () => {
    expect([812, 4_300, 43_000, 1_200_000, 9_812_000_000, 3e15].map(bytes)).toEqual(['812 B', '4.3 kB', '43 kB', '1.2 MB', '9.8 GB', '3000 TB']);
  });
  it('tells how long ago, and how soon', () => {
    const now = Date.parse('2026-03-02T12:00:00Z');
    expect(ago('2026-03-02T11:57:00Z', now)).toBe('3 min ago');
    expect(ago('2026-03-02T12:08:30Z', now)).toBe('in 8 min');
    expect(ago(now - 2000, now)).toBe('just now');
    expect(ago('not a time', now)).toBe('–');
  });
});
