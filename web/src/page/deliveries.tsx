// Deliveries: any number over time, split by whom it went to or came from, beside the period before, down to the messages.
import type { Breakdown, Metric, Series } from '../api';
import { address, type Parameters } from '../client';
import { windowParameters } from '../filters';
import { brief, bytes, duration, percent } from '../format';
import { refresh } from '../live';
import { change, query } from '../location';
import { Choice } from '../part/choice';
import { FilterChips } from '../part/filter-chips';
import { Card, Empty, Failure } from '../part/pieces';
import { RangeMenu } from '../part/range-menu';
import { PageHead } from '../part/shell';
import { type Layer, TimeChart } from '../part/time-chart';
import { useAsk } from '../query';
import { before, fixedRange, readRange } from '../range';
import { DIRECTIONS, POPULATIONS, populationSentence } from '../words';
import { GroupTable } from './deliveries-table';

/** What can be shown over time, as people read it. */
export const METRICS: Record<Metric, string> = {
  delivered: 'Delivered',
  relayed: 'Relayed to a smarthost',
  bounced: 'Bounced',
  hard_bounced: 'Bounced for good, recipient at fault',
  expired: 'Expired',
  bounce_rate: 'Bounce rate',
  failure_rate: 'Failure rate',
  deferral_rate: 'Deferral rate',
  acceptance_now: 'Accepted at the last try',
  deferred: 'Deferred tries',
  deferred_recipients: 'Recipients deferred',
  attempts: 'Tries',
  delay_p50: 'Time to deliver, median',
  delay_p95: 'Time to deliver, 95 %',
  bytes: 'Bytes delivered',
  received: 'Messages received',
  discarded: 'Discarded',
  rejected: 'Refused at the door',
  auth_failed: 'Failed logins',
};

/** By what it can be split. */
export const SPLITS = {
  provider: 'provider',
  domain: 'recipient domain',
  reason: 'reason',
  sender_domain: 'sender domain',
  sender: 'sender',
  relay: 'relay',
  instance: 'instance',
  client: 'client',
} as const;
export type Split = keyof typeof SPLITS;

const SORTS: ReadonlyArray<readonly [string, string]> = [
  ['trouble', 'most in trouble'],
  ['attempts', 'most tries'],
  ['delivered', 'most delivered'],
  ['bounced', 'most bounced'],
  ['failure_rate', 'highest failure rate'],
  ['deferral_rate', 'highest deferral rate'],
  ['acceptance_now', 'best accepted'],
  ['delay_p95', 'slowest'],
  ['bytes', 'most bytes'],
  ['key', 'by name'],
];
const LINES = 6;
const GROUPS = 50;
const COLOURS = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5', '--line-6', '--line-7'] as const;
/** Counted at the door: they belong to no recipient that could be split by. */
const AT_THE_DOOR: readonly Metric[] = ['rejected', 'auth_failed'];

function writer(unit: string): (value: number | null | undefined) => string {
  if (unit === 'ratio') return percent;
  if (unit === 'seconds') return duration;
  return unit === 'bytes' ? bytes : brief;
}

/** The lines of a chart: those of now, then the same groups in the period before, broken. */
export function lines(now: Series | null, past: Series | null): Layer[] {
  if (!now) return [];
  const colour = (index: number) => COLOURS[index % COLOURS.length] ?? '--line-1';
  const drawn = now.series.map((each, index): Layer => ({ label: each.label, colour: colour(index), values: each.values }));
  const before = now.series.flatMap((each, index): Layer[] => {
    const same = past?.series.find((other) => other.key === each.key);
    // A period may have a step more or less at its ends.
    return same ? [{ label: `${each.label}, before`, colour: colour(index), values: now.times.map((_, at) => same.values[at] ?? null), dashed: true }] : [];
  });
  return [...drawn, ...before];
}

/** The same chart as a picture, for a mail or a report. */
function PictureLinks({ parameters }: { parameters: Parameters }) {
  const to = (form: string) => address(`/charts/series.${form}`, { ...parameters, context: 'yes' });
  return (
    <span class="export">
      <a class="button plain small" href={to('svg')} download="chart.svg">SVG</a>
      <a class="button plain small" href={to('png')} download="chart.png">PNG</a>
    </span>
  );
}

function Chart({ parameters, metric, by, compare, turn }: { parameters: Parameters; metric: Metric; by: Split | ''; compare: boolean; turn: number }) {
  const asked: Parameters = { ...parameters, metric, ...(by && !AT_THE_DOOR.includes(metric) ? { by, limit: LINES } : {}) };
  const { data, error, again, loading } = useAsk<Series>(address('/series', { ...asked, context: 'yes' }), turn);
  const past = compare && data ? before(data.window) : null;
  const earlier = useAsk<Series>(past && address('/series', { ...asked, ...past }), turn);
  const unit = data?.series[0]?.unit ?? 'count';
  return (
    <Card title={METRICS[metric]} note={<>Drag over the chart to set the range <PictureLinks parameters={asked} /></>} stale={loading}>
      {error && !data ? <Failure error={error} again={again} /> : data ? (
        <TimeChart
          title={METRICS[metric]}
          kind="lines"
          times={data.times}
          stepSeconds={data.step_s}
          layers={lines(data, earlier.data)}
          write={writer(unit)}
          band={data.series.length === 1 ? data.context?.usual[0] : null}
          markers={data.context?.markers}
          sum={unit === 'count' || unit === 'bytes'}
          onBrush={(since, until) => change(fixedRange(since, until))}
        />
      ) : <><div class="legend" /><div class="chart" /></>}
    </Card>
  );
}

function chosen<Word extends string>(name: string, known: Record<Word, string>, fallback: Word): Word {
  const value = query.value.get(name);
  return value !== null && value in known ? (value as Word) : fallback;
}

export function Deliveries() {
  const range = readRange(query.value, '24h');
  const parameters = windowParameters(query.value, range);
  const turn = range.moving ? refresh.value : 0;
  const metric = chosen<Metric>('metric', METRICS, 'delivered');
  const by = chosen<Split>('by', SPLITS, 'provider');
  const split = query.value.get('split') !== 'no';
  const compare = query.value.get('compare') === 'yes';
  const sort = query.value.get('sort') ?? 'trouble';
  const groups = useAsk<Breakdown>(address('/breakdown', { ...parameters, by, sort, limit: GROUPS }), turn);
  const past = compare && groups.data ? before(groups.data.window) : null;
  const earlier = useAsk<Breakdown>(past && address('/breakdown', { ...parameters, ...past, by, sort: 'attempts', limit: 200 }), turn);
  const direction = query.value.get('direction') ?? 'outbound';
  const population = query.value.get('population') ?? 'ordinary';
  return (
    <>
      <PageHead
        title="Deliveries"
        controls={
          <>
            <Choice name="direction" label="Direction" value={direction} fallback="outbound" options={Object.entries(DIRECTIONS)} />
            <Choice name="population" label="Which mail" value={population} fallback="ordinary" options={Object.entries(POPULATIONS)} />
            <RangeMenu range={range} />
          </>
        }
      >
        <p class="muted">{populationSentence(direction, population)}</p>
      </PageHead>
      <div class="search-row">
        <Choice name="metric" label="Show" value={metric} fallback="delivered" options={Object.entries(METRICS)} />
        <Choice name="by" label="By" value={by} fallback="provider" options={Object.entries(SPLITS)} />
        <Choice name="split" label="Lines" value={split ? 'yes' : 'no'} fallback="yes" options={[['yes', 'one for each group'], ['no', 'the sum']]} />
        <Choice name="compare" label="Compare" value={compare ? 'yes' : 'no'} fallback="no" options={[['no', 'with nothing'], ['yes', 'with the period before']]} />
        <Choice name="sort" label="Order" value={sort} fallback="trouble" options={SORTS} />
      </div>
      <FilterChips />
      <div class="stack">
        <Chart parameters={parameters} metric={metric} by={split ? by : ''} compare={compare} turn={turn} />
        {groups.error && <Failure error={groups.error} again={groups.again} />}
        {groups.data && groups.data.rows.length === 0
          ? <Card title={`By ${SPLITS[by]}`}><Empty title="No deliveries">Nothing was tried in this time. A longer range may hold some.</Empty></Card>
          : <GroupTable by={by} now={groups.data} past={earlier.data} stale={groups.loading} />}
      </div>
    </>
  );
}
