// The arithmetic behind the page of deliveries: files, lines, periods.
import { describe, expect, it } from 'vitest';
import type { Series } from '../src/api';
import { lines } from '../src/page/deliveries';
import { csv } from '../src/part/export';
import { before } from '../src/range';

describe('a table as a file', () => {
  const columns = [
    { name: 'who', value: (row: { who: string; n: number | null }) => row.who },
    { name: 'n', value: (row: { who: string; n: number | null }) => row.n },
  ];
  it('quotes what must be quoted and leaves nothing for unknown', () => {
    expect(csv(columns, [{ who: 'a,b', n: 1 }, { who: 'say "x"\nnow', n: null }])).toBe('who,n\r\n"a,b",1\r\n"say ""x""\nnow",\r\n');
  });
  it('gives a spreadsheet no formula to run', () => {
    expect(csv(columns, [{ who: '=HYPERLINK(1)', n: -2 }, { who: '@x', n: 0 }])).toBe("who,n\r\n'=HYPERLINK(1),-2\r\n'@x,0\r\n");
  });
});

describe('the period before', () => {
  it('is as long and ends where this one begins', () => {
    expect(before({ since: '2026-03-02T00:00:00Z', until: '2026-03-03T12:00:00Z' })).toEqual({ since: '2026-02-28T12:00:00Z', until: '2026-03-02T00:00:00Z' });
  });
  const series = (values: number[]): Series => ({
    window: {} as Series['window'],
    step_s: 60,
    context: null, times: values.map((_, at) => `2026-03-02T00:0${at}:00Z`),
    series: [{ metric: 'delivered', key: 'google', label: 'Google', unit: 'count', values, n: null }],
  });
  it('is drawn with broken lines, step by step, however many it has', () => {
    expect(lines(series([1, 2]), series([3, 4])).map((line) => [line.label, line.dashed])).toEqual([['Google', undefined], ['Google, before', true]]);
    expect(lines(series([1, 2]), series([3])).map((line) => line.values)).toEqual([[1, 2], [3, null]]);
    expect(lines(null, series([3]))).toEqual([]);
  });
});
