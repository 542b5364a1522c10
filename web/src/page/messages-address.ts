// What other pages carry over when they lead to the list of messages.
import { FILTERS } from '../filters';
import { carryRange } from '../range';

/** Range, filters and population of an address, without what belongs to its own page only. */
export function LIST_FILTERS(query: URLSearchParams): URLSearchParams {
  const kept = new URLSearchParams();
  for (const [name, value] of Object.entries(carryRange(query))) if (value) kept.set(name, value);
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) kept.set(name, value);
  }
  // Figures of 24 hours must not lead to a list of 7 days.
  if (![...kept.keys()].some((name) => name === 'range' || name === 'since')) kept.set('range', '24h');
  kept.set('population', query.get('population') ?? 'ordinary');
  return kept;
}
