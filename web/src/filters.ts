// Which mail a page is about, as its address has it.
import type { Parameters } from './client';
import { ZONE } from './format';
import type { Range } from './range';

/** Filters that figures and lists understand. */
export const FILTERS = ['provider', 'domain', 'sender_domain', 'sender', 'relay', 'instance', 'reason', 'client', 'user'] as const;
export type Filter = (typeof FILTERS)[number];

export const FILTER_LABELS: Record<Filter, string> = {
  provider: 'Provider',
  domain: 'Recipient domain',
  sender_domain: 'Sender domain',
  sender: 'Sender',
  relay: 'Relay',
  instance: 'Instance',
  reason: 'Reason',
  client: 'Client',
  user: 'Account',
};

/** The filters that are set. */
export function readFilters(query: URLSearchParams): Array<[Filter, string]> {
  return FILTERS.flatMap((name) => {
    const value = query.get(name);
    return value ? [[name, value] as [Filter, string]] : [];
  });
}

/** Parameters of a question to the API: range, population, direction and filters. */
export function windowParameters(query: URLSearchParams, range: Range): Parameters {
  return {
    since: range.since,
    until: range.until === 'now' ? undefined : range.until,
    time_zone: ZONE,
    direction: query.get('direction'),
    population: query.get('population'),
    ...Object.fromEntries(readFilters(query)),
  };
}
