// The contract: generated types are fresh, and the mock answers as the contract says (so pages are tested against the truth).
import Ajv2020 from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript without types
import { types } from '../scripts/api-types.mjs';
// @ts-expect-error: plain JavaScript without types
import * as answers from '../mock/answers.mjs';
// @ts-expect-error: plain JavaScript without types
import * as probes from '../mock/probes.mjs';
// @ts-expect-error: plain JavaScript without types
import { traffic } from '../mock/traffic.mjs';

const contract = JSON.parse(readFileSync(new URL('../../crates/server/openapi.json', import.meta.url), 'utf8'));
const now = Date.parse('2026-03-02T12:00:00Z');
const items = traffic(now);

/** Fails for fields that the contract does not know, too. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return copy['properties'] ? { ...copy, additionalProperties: false } : copy;
}

function problems(schema: string, answer: unknown): unknown {
  const ajv = new Ajv2020({ strict: false, formats: { 'date-time': (text: string) => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) } });
  const validate = ajv.compile({ ...(closed(contract) as object), $ref: `#/components/schemas/${schema}` });
  validate(JSON.parse(JSON.stringify(answer)));
  return validate.errors ?? [];
}

function window(query = '') {
  const parameters = new URLSearchParams(query);
  return [answers.readWindow(parameters, now, '24h', 'outbound'), parameters] as const;
}

describe('types', () => {
  it('are those of the contract: run `npm run types`', () => {
    expect(readFileSync(new URL('../src/api.ts', import.meta.url), 'utf8')).toBe(types());
  });
});

describe('the mock keeps the contract', () => {
  const [day, none] = window();
  const cases: Array<[string, string, () => unknown]> = [
    ['Summary', 'summary', () => answers.summary(items, day, none, now)],
    ['Series', 'series', () => answers.series(items, ...window('metric=delivered,deferred,acceptance_now'))],
    ['Breakdown', 'breakdown by provider', () => answers.breakdown(items, ...window('by=provider'))],
    ['Breakdown', 'breakdown by reason', () => answers.breakdown(items, ...window('by=reason'))],
    ['Messages', 'messages', () => answers.messages(items, ...window('q=maria'), now)],
    ['Messages', 'nothing found', () => answers.messages(items, ...window('q=nobody@nowhere'), now)],
    ['Life', 'a life', () => answers.life(items, items.find((each: { state: string }) => each.state === 'bounced').id)],
    ['Life', 'a refusal', () => answers.life(items, items.find((each: { kind: string }) => each.kind === 'rejection').id)],
    ['Sources', 'sources', () => answers.sources(now)],
    ['Queue', 'queue', () => answers.queue(items, now)],
    ['LiveQueue', 'live queue', () => answers.liveQueue(now)],
    ['Trouble', 'trouble', () => answers.trouble(day, now)],
    ['Alerts', 'alerts', () => answers.alerts(now)],
    ['Attention', 'attention', () => answers.attention(now)],
    ['AlertHistory', 'history of alerts', () => answers.alertHistory(now)],
    ['AlertRules', 'rules of alerts', () => answers.alertRules(now)],
    ['AlertNotices', 'notices', () => answers.alertNotices(now)],
    ['Silences', 'silences', () => answers.silences(now)],
    ['Backtest', 'backtest', () => answers.backtest(now)],
    ['Domains', 'domains', () => probes.domains(now)],
    ['DomainSheet', 'the sheet of a domain', () => probes.domain(now)],
    ['Probes', 'probes', () => probes.probes(now)],
    ['Probe', 'a probe', () => probes.probe(now, 'mx')],
    ['ProbeHistory', 'the history of a probe', () => probes.history(now, 'dns')],
    ['Session', 'session', () => answers.session()],
    ['Status', 'status', () => answers.status(items, now, now, 'demo', 1)],
    ['Status', 'first reading', () => answers.status(items, now, now, 'first_read', 0.62)],
    ['Tick', 'tick', () => answers.tick(items, now, 3, 60)],
  ];
  it.each(cases)('%s: %s', (schema, _, answer) => expect(problems(schema, answer())).toEqual([]));
  it('notices a missing field', () => expect(problems('Ratio', { value: null, n: 0 })).not.toEqual([]));
});
