// Overview: is mail flowing, what is wrong, and to what date do we know.
import type { Attention, Breakdown, Series, Summary, Trouble, Window } from '../api';
import { address } from '../client';
import { windowParameters } from '../filters';
import { dateTime, ratio, count, listTime } from '../format';
import { refresh, status } from '../live';
import { change, link, query } from '../location';
import { Choice } from '../part/choice';
import { FilterChips } from '../part/filter-chips';
import { TimeChart } from '../part/time-chart';
import { Card, Empty, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { RangeMenu } from '../part/range-menu';
import { completeText, PageHead } from '../part/shell';
import { useAsk } from '../query';
import { fixedRange, readRange, type Range } from '../range';
import { DIRECTIONS, POPULATIONS, populationSentence } from '../words';
import { FirstRun, Problems } from './first-run';
import { Watch } from './overview-attention';
import { LiveRates } from './overview-live';
import { More } from './overview-more';
import { QueueCard } from './overview-queue';
import { ProviderTable, ReasonTable } from './overview-tables';
import { Tiles } from './overview-tiles';

const LAYERS = [
  { metric: 'delivered', label: 'Delivered', colour: '--delivered' },
  { metric: 'relayed', label: 'Relayed', colour: '--relayed' },
  { metric: 'deferred', label: 'Deferred tries', colour: '--deferred' },
  { metric: 'bounced', label: 'Bounced', colour: '--bounced' },
  { metric: 'expired', label: 'Expired', colour: '--expired' },
] as const;

const MARKS = { good: '✓', attention: '!', trouble: '✕', quiet: '–', unknown: '?' } as const;
const HEALTH = { good: 'Good', attention: 'Needs attention', trouble: 'Trouble', quiet: 'Quiet', unknown: 'Unknown' } as const;

function Headline({ summary }: { summary: Summary | null }) {
  const health = summary?.health ?? 'unknown';
  return (
    <div class={`headline ${health}`}>
      <span class="mark" role="img" aria-label={HEALTH[health]}>{MARKS[health]}</span>
      <div class="words">
        <p><strong>{summary ? summary.sentence : 'Asking…'}</strong></p>
        {summary && <p class="muted small">{scope(summary)}</p>}
      </div>
    </div>
  );
}

function scope({ window, coverage }: Summary) {
  return (
    <>
      {populationSentence(window.direction, window.population)} · <span class="number">{dateTime(window.since)} – {dateTime(window.until)}</span> ·{' '}
      <a href="/sources">{ratio(coverage.understood)} of {count(coverage.lines)} lines understood{coverage.gaps > 0 && `, ${count(coverage.gaps)} ${coverage.gaps === 1 ? 'gap' : 'gaps'}`}</a> ·{' '}
      <span class="number">{completeText()}</span>
    </>
  );
}

function OutcomesOverTime({ url, turn }: { url: string; turn: number }) {
  const { data, error, again, loading } = useAsk<Series>(url, turn);
  const layers = LAYERS.flatMap((layer) => {
    const found = data?.series.find((each) => each.metric === layer.metric);
    const needed = layer.metric !== 'relayed' && layer.metric !== 'expired';
    return found && (needed || found.values.some((value) => value)) ? [{ ...layer, values: found.values }] : [];
  });
  return (
    <Card title="Outcomes over time" note="Drag over the chart to set the range" stale={loading}>
      {error && !data ? <Failure error={error} again={again} /> : data ? (
        <TimeChart title="Outcomes over time" times={data.times} stepSeconds={data.step_s} layers={layers} band={data.context?.usual.find((each) => each.metric === 'delivered')} markers={data.context?.markers} onBrush={(since, until) => change(fixedRange(since, until))} />
      ) : <><div class="legend" /><div class="chart" /></>}
    </Card>
  );
}

function TroubleCard({ url, turn }: { url: string; turn: number }) {
  const { data } = useAsk<Trouble>(url, turn);
  return (
    <Card title="Trouble on this server" note={data ? `${count(data.total_groups)} ${data.total_groups === 1 ? 'kind' : 'kinds'} of warnings and errors` : ' '} flush>
      {!data && <div class="placeholder" />}
      {data && data.groups.length === 0 && <Empty title="No warnings, no errors">The mail daemons of this server complained of nothing in this time.</Empty>}
      {data && data.groups.length > 0 && (
        <Scroll label="Trouble on this server">
          <table>
            <thead><tr><th scope="col">Level</th><th scope="col">What the log says</th><th scope="col" class="end">Times</th><th scope="col" class="wide">Last</th></tr></thead>
            <tbody>
              {data.groups.map((group) => (
                <tr key={group.level + group.daemon + group.text}>
                  <td><span class={`badge level ${group.level === 'warning' ? 'wait' : group.level === 'info' ? 'calm' : 'bad'}`}>{group.level}</span></td>
                  <td class="break" title={group.sample}>{group.text} <span class="muted small">{group.daemon}</span></td>
                  <td class="end number">{count(group.count)}</td>
                  <td class="number wide muted">{listTime(group.last)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Card>
  );
}

function Controls({ range }: { range: Range }) {
  const direction = query.value.get('direction') ?? 'outbound';
  const population = query.value.get('population') ?? 'ordinary';
  return (
    <>
      <Choice name="direction" label="Direction" value={direction} fallback="outbound" options={Object.entries(DIRECTIONS)} />
      <Choice name="population" label="Which mail" value={population} fallback="ordinary" options={Object.entries(POPULATIONS)} />
      <RangeMenu range={range} />
    </>
  );
}

/** Nothing in this time, though there are data: says where they are. */
function Elsewhere({ window }: { window: Window }) {
  const known = status.value;
  if (!known?.complete_to || !known.data_from || Date.parse(known.complete_to) > Date.parse(window.since)) return null;
  const end = Date.parse(known.complete_to);
  return (
    <div class="note">
      <span>What has been read ends at {dateTime(known.complete_to)}, before this time range. <a href={link('/', fixedRange(end - 86_400_000, end + 1000))}>Show its last day</a>.</span>
    </div>
  );
}

export function Overview() {
  const range = readRange(query.value, '24h');
  const parameters = windowParameters(query.value, range);
  const turn = range.moving ? refresh.value : 0;
  const summary = useAsk<Summary>(address('/summary', parameters), turn);
  const providers = useAsk<Breakdown>(address('/breakdown', { ...parameters, by: query.value.get('direction') === 'inbound' ? 'domain' : 'provider', limit: 8 }), turn);
  const reasons = useAsk<Breakdown>(address('/breakdown', { ...parameters, by: 'reason', limit: 8 }), turn);
  const attention = useAsk<Attention>(address('/attention', { since: parameters.since, until: parameters.until, time_zone: parameters.time_zone }), turn);
  const known = status.value;
  return (
    <>
      <PageHead title="Overview" controls={<Controls range={range} />} />
      <div class={`stack${summary.data || summary.error ? '' : ' first-look'}`}>
        {known && known.state !== 'live' && <FirstRun status={known} />}
        {known?.state === 'live' && <Problems status={known} />}
        {summary.error && <Failure error={summary.error} again={summary.again} />}
        <Headline summary={summary.data} />
        <Watch answer={attention} />
        <FilterChips />
        {summary.data && <Elsewhere window={summary.data.window} />}
        <Tiles summary={summary.data} stale={summary.loading} />
        <div class="pair">
          <OutcomesOverTime url={address('/series', { ...parameters, metric: LAYERS.map((layer) => layer.metric).join(','), context: 'yes' })} turn={turn} />
          <LiveRates />
        </div>
        <div class="halves">
          <ProviderTable answer={providers} />
          <ReasonTable answer={reasons} />
        </div>
        <div class="halves">
          <QueueCard />
          <TroubleCard url={address('/trouble', { since: parameters.since, until: parameters.until, limit: 8 })} turn={turn} />
        </div>
        {summary.data && <More summary={summary.data} />}
      </div>
    </>
  );
}
