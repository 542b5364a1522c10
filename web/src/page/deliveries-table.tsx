// Groups with all their numbers, each leading to the rows behind it.
import type { Breakdown, BreakdownRow, Ratio } from '../api';
import { bytes, count, duration, NOTHING, percent } from '../format';
import { link, query } from '../location';
import { type Column, Export } from '../part/export';
import { Card, Share } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { reasonLabel } from '../words';
import { type Split, SPLITS } from './deliveries';
import { LIST_FILTERS } from './messages-address';

const COLUMNS: ReadonlyArray<Column<BreakdownRow>> = [
  { name: 'group', value: (row) => row.label || row.key },
  { name: 'recipients_attempted', value: (row) => row.figures.recipients.attempted },
  { name: 'recipients_deferred', value: (row) => row.figures.recipients.deferred },
  { name: 'accepted_at_last_try', value: (row) => row.figures.recipients.accepted_last },
  { name: 'delivered', value: (row) => row.figures.outcomes.delivered },
  { name: 'relayed', value: (row) => row.figures.outcomes.relayed },
  { name: 'bounced', value: (row) => row.figures.outcomes.bounced },
  { name: 'hard_bounced', value: (row) => row.figures.outcomes.hard_bounced },
  { name: 'expired', value: (row) => row.figures.outcomes.expired },
  { name: 'bounce_rate', value: (row) => row.figures.rates.bounce_rate.value },
  { name: 'bounce_rate_n', value: (row) => row.figures.rates.bounce_rate.n },
  { name: 'deferral_rate', value: (row) => row.figures.rates.deferral_rate.value },
  { name: 'deferral_rate_n', value: (row) => row.figures.rates.deferral_rate.n },
  { name: 'delay_p50_s', value: (row) => row.figures.delay.p50 },
  { name: 'delay_p95_s', value: (row) => row.figures.delay.p95 },
  { name: 'bytes_delivered', value: (row) => row.figures.bytes },
  { name: 'main_reason', value: (row) => row.top_reason },
];

/** How a rate moved against the period before, in points. */
function Moved({ now, past }: { now: Ratio; past: Ratio | undefined }) {
  if (now.value === null || past === undefined || past.value === null) return null;
  const points = now.value - past.value;
  const word = Math.abs(points) < 0.0005 ? 'as before' : `${points > 0 ? '▲' : '▼'} from ${percent(past.value)}`;
  return <small class="moved">{word}</small>;
}

function Row({ row, by, past }: { row: BreakdownRow; by: Split; past: BreakdownRow | undefined }) {
  const { outcomes, recipients, rates, delay } = row.figures;
  const direction = query.value.get('direction') ?? 'outbound';
  const to = (status: string | null) => link('/messages', { [by]: row.key, status, direction: direction === 'all' ? null : direction }, LIST_FILTERS(query.value));
  const name = by === 'reason' ? row.explanation?.title || reasonLabel(row.key) : row.label || row.key;
  const isRest = row.key === 'other';
  return (
    <tr>
      <th scope="row" class="break">
        {isRest ? name : <a href={link('/deliveries', { [by]: row.key }, query.value)}>{name}</a>}
        <div class="muted small">{by !== 'reason' && row.top_reason ? reasonLabel(row.top_reason) : ' '}</div>
      </th>
      <td class="end number wide">{isRest ? count(recipients.attempted) : <a href={to(null)}>{count(recipients.attempted)}</a>}</td>
      <td class="end"><a href={to(null)}><Share of={rates.acceptance_now} /></a><Moved now={rates.acceptance_now} past={past?.figures.rates.acceptance_now} /></td>
      <td class="end number wide">{isRest ? count(outcomes.delivered + outcomes.relayed) : <a href={to('delivered,relayed')}>{count(outcomes.delivered + outcomes.relayed)}</a>}</td>
      <td class="end"><a href={to('bounced')}><Share of={rates.bounce_rate} /></a><Moved now={rates.bounce_rate} past={past?.figures.rates.bounce_rate} /></td>
      <td class="end number wide"><a href={to('expired')}>{count(outcomes.expired)}</a></td>
      <td class="end wide"><a href={to('had_deferral')}><Share of={rates.deferral_rate} /></a><Moved now={rates.deferral_rate} past={past?.figures.rates.deferral_rate} /></td>
      <td class="end number wide">{delay.n > 0 ? <>{duration(delay.p50)}<div class="muted small">95 %: {duration(delay.p95)}</div></> : NOTHING}</td>
      <td class="end number wide">{bytes(row.figures.bytes)}</td>
    </tr>
  );
}

export function GroupTable({ by, now, past, stale }: { by: Split; now: Breakdown | null; past: Breakdown | null; stale: boolean }) {
  const rows = now?.rows ?? [];
  const note = now ? `${count(rows.length)}${now.total_rows ? ` of ${count(now.total_rows)}` : ''}${now.exact ? '' : ', small ones added up as “other”'}` : ' ';
  return (
    <Card title={`By ${SPLITS[by]}`} note={<>{note} <Export name={`deliveries-by-${by}`} columns={COLUMNS} rows={rows} /></>} flush stale={stale}>
      {!now && <div class="placeholder" />}
      {now && (
        <Scroll saved label={`Deliveries by ${SPLITS[by]}`}>
          <table>
            <thead>
              <tr>
                <th scope="col">{SPLITS[by][0]?.toUpperCase()}{SPLITS[by].slice(1)}, main reason</th>
                <th scope="col" class="end wide">Recipients</th>
                <th scope="col" class="end">Accepted at last try</th>
                <th scope="col" class="end wide">Delivered</th>
                <th scope="col" class="end">Bounced</th>
                <th scope="col" class="end wide">Expired</th>
                <th scope="col" class="end wide">Deferred</th>
                <th scope="col" class="end wide">Time to deliver</th>
                <th scope="col" class="end wide">Bytes</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => <Row key={row.key} row={row} by={by} past={past?.rows.find((each) => each.key === row.key)} />)}
            </tbody>
          </table>
        </Scroll>
      )}
    </Card>
  );
}
