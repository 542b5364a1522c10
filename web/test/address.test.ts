// What the address bar holds: ranges, filters, links.
import { describe, expect, it } from 'vitest';
import { address } from '../src/client';
import { readFilters, windowParameters } from '../src/filters';
import { link } from '../src/location';
import { LIST_FILTERS } from '../src/page/messages-address';
import { fixedRange, rangeLabel, readRange, spanRange } from '../src/range';

const read = (query: string) => readRange(new URLSearchParams(query), '24h');

describe('range', () => {
  it('falls back when the address says nothing, or nonsense', () => {
    for (const query of ['', 'range=', 'range=yesterday', 'since=hm', 'range=<script>', 'since=5']) expect(read(query)).toEqual({ since: '24h', until: 'now', moving: true });
  });
  it('reads spans and fixed times', () => {
    expect(read('range=7d')).toEqual({ since: '7d', until: 'now', moving: true });
    expect(read('since=2026-03-01T00:00:00Z&until=2026-03-02T00:00:00Z')).toEqual({ since: '2026-03-01T00:00:00Z', until: '2026-03-02T00:00:00Z', moving: false });
    expect(read('since=2026-03-01T00:00:00Z')).toEqual({ since: '2026-03-01T00:00:00Z', until: 'now', moving: true });
  });
  it('writes what it reads', () => {
    const fixed = fixedRange(Date.parse('2026-03-01T00:00:00.4Z'), Date.parse('2026-03-01T01:00:00Z'));
    expect(read(link('', fixed).slice(1))).toEqual({ since: '2026-03-01T00:00:00Z', until: '2026-03-01T01:00:00Z', moving: false });
    expect(read(link('', spanRange('6h')).slice(1)).since).toBe('6h');
  });
  it('has words', () => {
    expect(rangeLabel(read('range=7d'))).toBe('Last 7 days');
    expect(rangeLabel(read('range=3h'))).toBe('Last 3h');
  });
});

describe('links', () => {
  it('lay changes over what is there and take nulls out', () => {
    expect(link('/messages', { q: 'a b', status: null }, new URLSearchParams('status=failed&range=7d'))).toBe('/messages?range=7d&q=a+b');
    expect(link('/')).toBe('/');
  });
  it('lead from a figure to the rows behind it: same time, same mail, same filters', () => {
    expect(LIST_FILTERS(new URLSearchParams('provider=google&step=60')).toString()).toBe('provider=google&range=24h&population=ordinary');
    expect(LIST_FILTERS(new URLSearchParams('since=2026-03-01T00:00:00Z&until=2026-03-02T00:00:00Z')).has('range')).toBe(false);
  });
  it('put only known filters into a question', () => {
    const query = new URLSearchParams('provider=google&evil=1&direction=inbound');
    expect(readFilters(query)).toEqual([['provider', 'google']]);
    const asked = address('/summary', windowParameters(query, read('')));
    expect(asked).toContain('direction=inbound');
    expect(asked).not.toContain('evil');
    expect(asked).not.toContain('until');
  });
});
