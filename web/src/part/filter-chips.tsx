// The filters that are set, each with a way to take it off.
import { FILTER_LABELS, readFilters } from '../filters';
import { change, query } from '../location';
import { reasonLabel } from '../words';

export function FilterChips() {
  const filters = readFilters(query.value);
  if (filters.length === 0) return null;
  return (
    <div class="chips">
      {filters.map(([name, value]) => (
        <button type="button" class="chip" key={name} onClick={() => change({ [name]: null, cursor: null })} aria-label={`Remove the filter ${FILTER_LABELS[name]}: ${value}`}>
          <span>{FILTER_LABELS[name]}: <b>{name === 'reason' ? reasonLabel(value) : value}</b></span>
          <span class="glyph" aria-hidden="true">✕</span>
        </button>
      ))}
    </div>
  );
}
