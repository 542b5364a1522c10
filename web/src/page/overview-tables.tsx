// Where it goes wrong: the worst providers and reasons, each with its sample size and a way to the messages.
import type { Breakdown, BreakdownRow } from '../api';
import { count, duration, ofN } from '../format';
import { link, query } from '../location';
import { Card, Empty, Failure, Share } from '../part/pieces';
import { Scroll } from '../part/scroll';
import type { Answer } from '../query';
import { reasonLabel } from '../words';
import { LIST_FILTERS } from './messages-address';

/** Smaller samples are not coloured. */
const MIN_SAMPLE = 10;

function heat(value: number | null, n: number, warm: number, hot: number): 'hot' | 'warm' | undefined {
  if (value === null || n < MIN_SAMPLE) return undefined;
  return value >= hot ? 'hot' : value >= warm ? 'warm' : undefined;
}

function toMessages(parameters: Record<string, string | null>): string {
  const direction = query.value.get('direction') ?? 'outbound';
  return link('/messages', { direction: direction === 'all' ? null : direction, ...parameters }, LIST_FILTERS(query.value));
}

function ProviderRow({ row, by }: { row: BreakdownRow; by: 'provider' | 'domain' }) {
  const { acceptance_now: accepted, deferral_rate: deferral, bounce_rate: bounce } = row.figures.rates;
  const refusedNow = accepted.value === null ? null : 1 - accepted.value;
  return (
    <tr>
      <th scope="row">
        <a href={link('/', { [by]: row.key }, query.value)}>{row.label || row.key}</a>
        <div class="muted small">{row.top_reason ? reasonLabel(row.top_reason) : ' '}</div>
      </th>
      <td class="end"><a href={toMessages({ [by]: row.key })}><Share of={accepted} heat={heat(refusedNow, accepted.n, 0.1, 0.3)} /></a></td>
      <td class="end"><a href={toMessages({ [by]: row.key, status: 'had_deferral' })}><Share of={deferral} heat={heat(deferral.value, deferral.n, 0.1, 0.3)} /></a></td>
      <td class="end"><a href={toMessages({ [by]: row.key, status: 'failed' })}><Share of={bounce} heat={heat(bounce.value, bounce.n, 0.03, 0.1)} /></a></td>
      <td class="end number wide">{duration(row.figures.delay.p50)}<div class="muted small">p95 {duration(row.figures.delay.p95)}</div></td>
    </tr>
  );
}

export function ProviderTable({ answer: { data, error, again, loading } }: { answer: Answer<Breakdown> }) {
  const by = data?.by === 'domain' ? 'domain' : 'provider';
  return (
    <Card title={by === 'domain' ? 'Worst recipient domains' : 'Worst providers'} note={data?.total_rows ? `${data.rows.length} of ${count(data.total_rows)}, most recipients in trouble first` : ' '} flush stale={loading}>
      {error && !data && <Failure error={error} again={again} />}
      {!data && !error && <div class="placeholder" />}
      {data?.rows.length === 0 && <Empty title="No deliveries">No delivery was tried in this time.</Empty>}
      {data && data.rows.length > 0 && (
        <Scroll label="Worst providers">
          <table>
            <thead>
              <tr>
                <th scope="col">{by === 'domain' ? 'Domain' : 'Provider'}, main reason</th>
                <th scope="col" class="end">Accepted at last try</th>
                <th scope="col" class="end">Deferred</th>
                <th scope="col" class="end">Bounced</th>
                <th scope="col" class="end wide">Time to deliver</th>
              </tr>
            </thead>
            <tbody>{data.rows.map((row) => <ProviderRow key={row.key} row={row} by={by} />)}</tbody>
          </table>
        </Scroll>
      )}
    </Card>
  );
}

function ReasonRow({ row }: { row: BreakdownRow }) {
  const { outcomes, attempts } = row.figures;
  return (
    <tr>
      <th scope="row">
        <a href={toMessages({ reason: row.key })}>{row.explanation?.title || reasonLabel(row.key) || row.label}</a>
        <div class="muted small">{row.explanation?.fix[0] ?? ' '}</div>
      </th>
      <td class="end number"><a href={toMessages({ reason: row.key, status: 'had_deferral' })}>{count(attempts.deferred)}</a></td>
      <td class="end number"><a href={toMessages({ reason: row.key, status: 'failed' })}>{count(outcomes.bounced + outcomes.expired)}</a></td>
      <td class="end number"><a href={toMessages({ reason: row.key })}>{count(row.recipients_in_trouble)}</a></td>
    </tr>
  );
}

export function ReasonTable({ answer: { data, error, again, loading } }: { answer: Answer<Breakdown> }) {
  return (
    <Card title="Main reasons" note={data ? `Failure rate ${ofN(data.total.rates.failure_rate)}` : ' '} flush stale={loading}>
      {error && !data && <Failure error={error} again={again} />}
      {!data && !error && <div class="placeholder" />}
      {data?.rows.length === 0 && <Empty title="Nothing failed">No delivery failed or was put off in this time.</Empty>}
      {data && data.rows.length > 0 && (
        <Scroll label="Main reasons">
          <table>
            <thead>
              <tr>
                <th scope="col">Reason, first thing to do</th>
                <th scope="col" class="end">Deferred tries</th>
                <th scope="col" class="end">Failed</th>
                <th scope="col" class="end">Recipients</th>
              </tr>
            </thead>
            <tbody>{data.rows.map((row) => <ReasonRow key={row.key} row={row} />)}</tbody>
          </table>
        </Scroll>
      )}
    </Card>
  );
}
