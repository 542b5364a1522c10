// The mail of an incident over time: from well before it began, beside what is usual.
import type { AlertIncident, Series } from '../api';
import { address } from '../client';
import { FILTERS } from '../filters';
import { link } from '../location';
import { fixedRange } from '../range';
import { TimeChart } from '../part/time-chart';
import { useAsk } from '../query';

const LAYERS = [
  { metric: 'delivered', label: 'Delivered', colour: '--delivered' },
  { metric: 'deferred', label: 'Deferred tries', colour: '--deferred' },
  { metric: 'bounced', label: 'Bounced', colour: '--bounced' },
] as const;

/** Rules about the whole server whose mail can be drawn, and the mail they are about. */
const WHOLE: Record<string, { direction: string; metrics: readonly string[] }> = {
  outbound_stopped: { direction: 'outbound', metrics: LAYERS.map((layer) => layer.metric) },
  backlog_growing: { direction: 'outbound', metrics: LAYERS.map((layer) => layer.metric) },
  backlog_expiring: { direction: 'outbound', metrics: LAYERS.map((layer) => layer.metric) },
  mail_not_going_out: { direction: 'outbound', metrics: LAYERS.map((layer) => layer.metric) },
  mail_not_coming_in: { direction: 'inbound', metrics: ['received'] },
};

const HOUR = 3_600_000;

/** The question of the chart; nothing where there is no mail to be drawn. */
export function question(incident: AlertIncident, now: number): { parameters: Record<string, string>; since: number; until: number } | null {
  const { group } = incident;
  const shown: readonly string[] = FILTERS;
  const first = incident.alerts.map((alert) => WHOLE[alert.rule]).find((found) => found);
  const about = group ? (shown.includes(group.label) ? WHOLE['outbound_stopped'] : undefined) : first;
  if (!about) return null;
  const began = Date.parse(incident.began);
  // As long before it as it lasts, and half a day at least; whole minutes, so that the same question is asked again.
  const since = Math.floor((began - Math.max(12 * HOUR, now - began)) / 60_000) * 60_000;
  const until = Math.ceil(now / 60_000) * 60_000;
  return {
    since,
    until,
    parameters: {
      metric: about.metrics.join(','),
      direction: about.direction,
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      context: 'yes',
      ...(group ? { [group.label]: group.key } : {}),
    },
  };
}

export function IncidentChart({ incident, now, turn }: { incident: AlertIncident; now: number; turn: number }) {
  const asked = question(incident, now);
  const { data } = useAsk<Series>(asked && address('/series', asked.parameters), turn);
  if (!asked || !data) return null;
  const layers = data.series.flatMap((each) => {
    const layer = LAYERS.find((known) => known.metric === each.metric);
    return [{ label: layer?.label ?? 'Received', colour: layer?.colour ?? '--delivered', values: each.values }];
  });
  const band = data.context?.usual.find((each) => each.metric === 'delivered');
  const brush = (since: number, until: number) => location.assign(link('/deliveries', { ...fixedRange(since, until), ...(incident.group ? { [incident.group.label]: incident.group.key } : {}) }));
  return (
    <figure class="incident-chart">
      <TimeChart title={`Mail over time: ${incident.title}`} times={data.times} stepSeconds={data.step_s} layers={layers} band={band} markers={data.context?.markers} onBrush={brush} />
      <figcaption class="muted small">{band ? 'Grey: what is usually delivered at this time of the week.' : 'What is usual here is not known yet.'} Drag over the chart to see the deliveries of that time.</figcaption>
    </figure>
  );
}
