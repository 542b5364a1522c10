// The figures of the window as tiles. Each leads to the rows behind it.
import type { Ratio, Summary } from '../api';
import { brief, bytes, count, duration, NOTHING, ofN, ratio } from '../format';
import { link, query } from '../location';
import { LIST_FILTERS } from './messages-address';

interface Tile {
  /** The name of the number in the API, for tests and scripts that read the page. */
  metric: string;
  label: string;
  value: string;
  of: string;
  to: string | null;
  bad?: boolean;
}

/** From here on a share of bounces or deferrals is marked. */
const BAD_SHARE = 0.1;
/** Below this share accepted is marked. */
const LOW_ACCEPTANCE = 0.8;
/** Smaller samples are not marked. */
const MIN_SAMPLE = 20;

const high = (share: Ratio) => share.n >= MIN_SAMPLE && (share.value ?? 0) >= BAD_SHARE;

/** The range of this page, for one that knows no filters. */
function ofRange(): URLSearchParams {
  const kept = LIST_FILTERS(query.value);
  for (const name of [...kept.keys()]) if (!['range', 'since', 'until'].includes(name)) kept.delete(name);
  return kept;
}

function tiles({ figures, received, inbound, window }: Summary): Tile[] {
  const { outcomes, rates, delay, recipients } = figures;
  const list = (status: string | null) => link('/messages', { direction: window.direction === 'all' ? null : window.direction, status }, LIST_FILTERS(query.value));
  // A message has several recipients: it is not counted by what became of one of them.
  const arrives = !['provider', 'domain', 'relay', 'reason'].some((name) => query.value.has(name));
  const low = rates.acceptance_now.n >= MIN_SAMPLE && (rates.acceptance_now.value ?? 1) < LOW_ACCEPTANCE;
  return [
    { metric: 'received', label: 'Received', value: arrives ? brief(received.messages) : NOTHING, of: arrives ? `messages, ${bytes(received.bytes)}` : 'not told by where mail goes', to: list(null) },
    { metric: 'delivered', label: 'Delivered', value: brief(outcomes.delivered), of: outcomes.relayed ? `+ ${count(outcomes.relayed)} relayed` : 'recipients', to: list('delivered,relayed') },
    { metric: 'acceptance_now', label: 'Accepted at last try', value: ratio(rates.acceptance_now), of: ofN(rates.acceptance_now), to: list(null), bad: low },
    { metric: 'deferral_rate', label: 'Deferral rate', value: ratio(rates.deferral_rate), of: `${ofN(rates.deferral_rate)}${recipients.greylisted ? `, ${brief(recipients.greylisted)} greylisted` : ''}`, to: list('had_deferral'), bad: high(rates.deferral_rate_without_greylisting) },
    { metric: 'bounce_rate', label: 'Bounce rate', value: ratio(rates.bounce_rate), of: ofN(rates.bounce_rate), to: list('bounced'), bad: high(rates.bounce_rate) },
    { metric: 'hard_bounce_rate', label: 'Hard bounce rate', value: ratio(rates.hard_bounce_rate), of: ofN(rates.hard_bounce_rate), to: list('bounced') },
    { metric: 'expiry_rate', label: 'Expiry rate', value: ratio(rates.expiry_rate), of: ofN(rates.expiry_rate), to: list('expired'), bad: high(rates.expiry_rate) },
    { metric: 'delay', label: 'Time to deliver', value: duration(delay.p50), of: delay.n ? `p95 ${duration(delay.p95)}, n ${brief(delay.n)}` : 'none yet', to: list('delivered,relayed') },
    { metric: 'rejections', label: 'Refused at the door', value: brief(inbound?.rejections.total), of: inbound ? 'inbound, all mail' : 'not counted so far back', to: link('/messages', { status: 'refused', direction: null }, LIST_FILTERS(query.value)) },
    { metric: 'auth_failed', label: 'Failed logins', value: brief(inbound?.auth.failed), of: inbound ? `${count(inbound.auth.ok)} succeeded` : 'not counted so far back', to: link('/security/logins', { result: 'failed' }, ofRange()) },
  ];
}

const PLACES = ['Received', 'Delivered', 'Accepted at last try', 'Deferral rate', 'Bounce rate', 'Hard bounce rate', 'Expiry rate', 'Time to deliver', 'Refused at the door', 'Failed logins'];

export function Tiles({ summary, stale }: { summary: Summary | null; stale: boolean }) {
  const shown = summary ? tiles(summary) : PLACES.map((label): Tile => ({ metric: label, label, value: NOTHING, of: ' ', to: null }));
  return (
    <div class={`tiles${stale ? ' stale' : ''}`}>
      {shown.map((tile) => {
        const inner = (
          <>
            <span class="label">{tile.label}</span>
            <span class="value">{tile.value}{tile.bad && <span class="flag" title="Needs a look"> !</span>}</span>
            <span class="of">{tile.of}</span>
          </>
        );
        return tile.to ? <a class="tile" href={tile.to} key={tile.label} data-metric={tile.metric}>{inner}</a> : <div class="tile" key={tile.label} data-metric={tile.metric}>{inner}</div>;
      })}
    </div>
  );
}
