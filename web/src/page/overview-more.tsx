// What stands beside the headline figures: the other outcomes, the other directions, notifications, and where the time goes.
import type { Percentiles, Summary } from '../api';
import { brief, count, duration, ofN, ratio } from '../format';
import { link, query } from '../location';
import { Card, Share } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { DIRECTIONS } from '../words';
import { LIST_FILTERS } from './messages-address';

function Beside({ summary: { figures, window } }: { summary: Summary }) {
  const { outcomes, attempts, recipients, rates } = figures;
  const to = (status: string) => link('/messages', { direction: window.direction === 'all' ? null : window.direction, status }, LIST_FILTERS(query.value));
  const greylisted = link('/messages', { direction: window.direction === 'all' ? null : window.direction, reason: 'greylisted', status: 'had_deferral' }, LIST_FILTERS(query.value));
  const facts: Array<[label: string, metric: string, value: string, small: string, status: string]> = [
    ['Failure rate', 'failure_rate', ratio(rates.failure_rate), ofN(rates.failure_rate), 'failed'],
    ['Deferred recipients', 'recipients_deferred', count(recipients.deferred), `of ${count(recipients.attempted)}`, 'had_deferral'],
    ['Deferred tries', 'attempts_deferred', count(attempts.deferred), `of ${count(attempts.total)}`, 'had_deferral'],
    ['Greylisted', 'greylisted_rate', ratio(rates.greylisted_rate), ofN(rates.greylisted_rate), 'greylisted'],
    ['Bounced', 'bounced', count(outcomes.bounced), `${count(outcomes.hard_bounced)} hard`, 'bounced'],
    ['Expired', 'expired', count(outcomes.expired), '', 'expired'],
    ['Discarded', 'discarded', count(outcomes.discarded), '', 'discarded'],
    ['Deleted', 'deleted', count(outcomes.deleted), '', 'deleted'],
    ['Rejected late', 'rejected', count(outcomes.rejected), 'after the queue id', 'rejected'],
    ['Unknown', 'unknown', count(outcomes.unknown), '', 'unknown'],
    ['On hold', 'held', count(outcomes.held), '', 'held'],
    ['Still queued', 'queued', count(outcomes.queued), '', 'open'],
  ];
  return (
    <Card title="Counted beside" note="Discarded, deleted, held and unknown are in no rate">
      <dl class="facts">
        {facts.map(([label, metric, value, small, status]) => (
          <div key={metric} data-metric={metric}><dt>{label}</dt><dd><a href={status === 'greylisted' ? greylisted : to(status)}>{value}</a> <small>{small}</small></dd></div>
        ))}
      </dl>
    </Card>
  );
}

function Directions({ summary: { by_direction: by, notifications } }: { summary: Summary }) {
  const rows = (direction: string, status: string | null, population: string | null = null) => link('/messages', { direction: direction === 'all' ? null : direction, status, ...(population && { population }) }, LIST_FILTERS(query.value));
  const shown = by.filter((row) => Object.values(row.outcomes).some((value) => value > 0));
  return (
    <Card title="By direction" note="Never added up" flush>
      <Scroll label="By direction">
        <table>
          <thead><tr><th scope="col">Direction</th><th scope="col" class="end">Delivered</th><th scope="col" class="end">Accepted at last try</th><th scope="col" class="end">Bounced</th></tr></thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.direction} data-direction={row.direction}>
                <th scope="row"><a href={link('/', { direction: row.direction === 'outbound' ? null : row.direction }, query.value)}>{DIRECTIONS[row.direction]}</a></th>
                <td class="end number"><a href={rows(row.direction, 'delivered,relayed')}>{brief(row.outcomes.delivered)}</a>{row.outcomes.relayed > 0 && <div class="muted small">+ {brief(row.outcomes.relayed)} relayed</div>}</td>
                <td class="end"><a href={rows(row.direction, null)}><Share of={row.rates.acceptance_now} /></a></td>
                <td class="end"><a href={rows(row.direction, 'bounced')}><Share of={row.rates.bounce_rate} /></a></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p class="inset muted small">
        <a href={link('/', { population: 'notification', direction: 'all' }, query.value)}>Delivery notifications</a> made here: <a href={rows('all', null, 'notification')}>{count(notifications.sent)}</a> sent, <a href={rows('all', 'delivered,relayed', 'notification')}>{count(notifications.delivered)}</a> delivered, <a href={rows('all', 'failed', 'notification')}>{count(notifications.failed)}</a> failed, <a href={rows('outbound', null, 'notification')}>{count(notifications.to_outside)}</a> to senders outside.
      </p>
    </Card>
  );
}

function Times({ summary: { figures, delay_parts: parts } }: { summary: Summary }) {
  const rows: Array<[string, Percentiles]> = [
    ['In all, to delivery', figures.delay],
    ['Before the queue manager', parts.before_queue_manager],
    ['In the queue', parts.in_queue],
    ['Connection', parts.connection],
    ['Transmission', parts.transmission],
  ];
  return (
    <Card title="Where the time goes" note={figures.delay.n ? `n ${count(figures.delay.n)}` : ' '} flush>
      <Scroll label="Where the time goes">
        <table>
          <thead><tr><th scope="col">Step</th><th scope="col" class="end">p50</th><th scope="col" class="end">p95</th><th scope="col" class="end wide">p99</th></tr></thead>
          <tbody>
            {rows.map(([label, times]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td class="end number">{duration(times.p50)}</td>
                <td class="end number">{duration(times.p95)}</td>
                <td class="end number wide">{duration(times.p99)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}

export function More({ summary }: { summary: Summary }) {
  return (
    <div class="thirds">
      <Beside summary={summary} />
      <Directions summary={summary} />
      <Times summary={summary} />
    </div>
  );
}
