// The last hour, minute by minute, as it happens: all directions, everything the log shows.
import type { Minute } from '../api';
import { LIVE_MINUTES, minutes } from '../live';
import { link } from '../location';
import { Card } from '../part/pieces';
import { Spark } from '../part/spark';
import { brief } from '../format';

type Field = Exclude<keyof Minute, 'start'>;
const ROWS: ReadonlyArray<{ field: Field; label: string; colour: string; status: string | null }> = [
  { field: 'received', label: 'Received', colour: '--received', status: null },
  { field: 'delivered', label: 'Delivered', colour: '--delivered', status: 'delivered,relayed' },
  { field: 'deferred', label: 'Deferred', colour: '--deferred', status: 'had_deferral' },
  { field: 'bounced', label: 'Bounced', colour: '--bounced', status: 'bounced' },
  { field: 'rejected', label: 'Refused', colour: '--rejected', status: 'refused' },
];
/** "Per minute" is the mean of so many last whole minutes. */
const MEAN_MINUTES = 5;

/** The mean of the last whole minutes; the running one would always look low. */
export function perMinute(values: readonly number[]): number | null {
  const whole = values.slice(0, -1).slice(-MEAN_MINUTES);
  return whole.length === 0 ? null : whole.reduce((sum, value) => sum + value, 0) / whole.length;
}

function rateText(rate: number | null): string {
  if (rate === null) return '–';
  return rate > 0 && rate < 10 ? rate.toFixed(1) : brief(Math.round(rate));
}

export function LiveRates() {
  const known = minutes.value;
  return (
    <Card title="Live, per minute" note={`Mean of ${MEAN_MINUTES} min; bars: last ${LIVE_MINUTES} min`}>
      <div class="rates">
        {ROWS.map((row) => {
          const values = known.map((minute) => minute[row.field]);
          const sum = values.reduce((total, value) => total + value, 0);
          return (
            <div class="rate" key={row.field}>
              <span>{row.label}</span>
              <b title="per minute">{rateText(perMinute(values))}<span class="visually-hidden"> per minute</span></b>
              <Spark values={values.length > 0 ? values : new Array<number>(LIVE_MINUTES).fill(0)} colour={row.colour} />
              <a class="sum" href={link('/messages', { range: '1h', status: row.status })} title="In the last hour">{brief(sum)} /h</a>
            </div>
          );
        })}
      </div>
      <p class="muted small">All directions, without delivery notifications. Tries, not messages: a message put off three times counts three times.</p>
    </Card>
  );
}
