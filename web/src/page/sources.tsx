// Sources: what is read, how far, how well it is understood, and what is missing.
import type { DaemonCoverage, Gap, Limit, Sample, Source, Sources as Answer, Stream } from '../api';
import { address } from '../client';
import { ago, bytes, count, dateTime, duration, listTime, percent, ratio } from '../format';
import { now, refresh } from '../live';
import { link } from '../location';
import { Card, Empty, Failure, Meter } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';

const STATES: Record<Source['state'], { label: string; tone: string; glyph: string }> = {
  reading: { label: 'reading history', tone: 'wait', glyph: '↻' },
  live: { label: 'live', tone: 'good', glyph: '✓' },
  waiting: { label: 'not there yet', tone: 'wait', glyph: '…' },
  failed: { label: 'cannot be read', tone: 'bad', glyph: '✕' },
  done: { label: 'read', tone: 'calm', glyph: '■' },
};

function SourceRow({ source }: { source: Source }) {
  const state = STATES[source.state];
  return (
    <tr>
      <th scope="row">
        <div class="source-name">{source.name}</div>
        <div class="muted small">{source.role === 'shadow' ? `shadow of ${source.shadow_of}: same lines, not counted again` : source.streams.join(', ') || source.kind}{source.files > 1 && `, ${count(source.files)} files with rotations`}</div>
        {source.problem && <div class="small"><strong>{source.problem.message}</strong>{source.problem.hint && <> – <code>{source.problem.hint}</code></>}</div>}
      </th>
      <td><span class={`badge ${state.tone}`}><span class="glyph" aria-hidden="true">{state.glyph}</span>{state.label}</span>
        {source.progress !== null && source.progress < 1 && <div class="small"><Meter value={source.progress} label={`${source.name} read`} />{percent(source.progress)}</div>}
      </td>
      <td class="end number">{source.lag_s === null ? '–' : duration(source.lag_s)}<div class="muted small wide">{bytes(source.lag_bytes)} unread</div></td>
      <td class="end number wide">{count(source.lines)}<div class="muted small">{bytes(source.offset)}</div></td>
      <td class="end number wide" title={dateTime(source.last_line)}>{source.last_line ? ago(source.last_line, now.value) : '–'}</td>
    </tr>
  );
}

function SourceTable({ sources }: { sources: readonly Source[] }) {
  if (sources.length === 0) return <Empty title="No sources">Name a log on the command line or in the configuration: <code>mailvane serve /var/log/mail.log</code></Empty>;
  return (
    <Scroll label="Sources">
      <table>
        <thead><tr><th scope="col">Source</th><th scope="col">State</th><th scope="col" class="end">Lag</th><th scope="col" class="end wide">Lines</th><th scope="col" class="end wide">Last line</th></tr></thead>
        <tbody>{sources.map((source) => <SourceRow key={source.name} source={source} />)}</tbody>
      </table>
    </Scroll>
  );
}

function StreamTable({ streams }: { streams: readonly Stream[] }) {
  return (
    <Scroll label="Mail servers">
      <table>
        <thead><tr><th scope="col">Instance</th><th scope="col" class="wide">Software</th><th scope="col" class="end">Complete to</th><th scope="col" class="end">In flight</th></tr></thead>
        <tbody>
          {streams.map((stream) => (
            <tr key={stream.name + stream.origin}>
              <th scope="row" class="break">{stream.name}<div class="muted small">fed by {stream.feed ?? 'nothing'}</div></th>
              <td class="wide">{stream.mta} {stream.version}</td>
              <td class="end number">{listTime(stream.watermark)}</td>
              <td class="end number"><a href={link('/messages', { status: 'open', instance: stream.name, range: '30d' })}>{count(stream.open_messages)}</a></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function CoverageTable({ daemons }: { daemons: readonly DaemonCoverage[] }) {
  return (
    <Scroll label="Coverage by daemon">
      <table>
        <thead><tr><th scope="col">Daemon</th><th scope="col" class="end wide">Lines</th><th scope="col" class="end wide">Used</th><th scope="col" class="end wide">Without use</th><th scope="col" class="end">Not understood</th><th scope="col" class="end">Understood</th></tr></thead>
        <tbody>
          {daemons.map((row) => (
            <tr key={row.source + row.daemon}>
              <th scope="row">{row.daemon}</th>
              <td class="end number wide">{count(row.lines)}</td>
              <td class="end number wide">{count(row.recognised)}</td>
              <td class="end number wide">{count(row.ignored)}</td>
              <td class="end number">{row.unparsed > 0 ? <a href="#not-understood">{count(row.unparsed)}</a> : '0'}</td>
              <td class="end number">{ratio(row.understood)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Samples({ samples }: { samples: readonly Sample[] }) {
  if (samples.length === 0) return <Empty title="Everything was understood">No line was left over.</Empty>;
  return (
    <ul class="samples">
      {samples.map((sample) => (
        <li key={sample.daemon + sample.text}>
          <div class="spread"><span><strong>{sample.daemon}</strong> <span class="muted">{count(sample.count)} like it</span></span><span class="muted small number">{listTime(sample.last_seen)}</span></div>
          <pre class="small">{sample.text}</pre>
        </li>
      ))}
    </ul>
  );
}

function Gaps({ gaps }: { gaps: readonly Gap[] }) {
  if (gaps.length === 0) return <Empty title="No gaps">No bytes went before they were read.</Empty>;
  return (
    <ul class="samples">
      {gaps.map((gap) => (
        <li key={`${gap.source}${gap.from_offset}${gap.from_time}`}>
          <div class="spread"><strong class="break">{gap.source}</strong><span class="muted small number">{dateTime(gap.from_time)} – {dateTime(gap.to_time)}</span></div>
          <p>{gap.text}</p>
        </li>
      ))}
    </ul>
  );
}

function Limits({ limits }: { limits: readonly Limit[] }) {
  return (
    <Scroll label="Limits">
      <table>
        <thead><tr><th scope="col">Limit</th><th scope="col" class="end">At most</th><th scope="col" class="end">Now</th><th scope="col" class="end">Times hit</th></tr></thead>
        <tbody>
          {limits.map((limit) => (
            <tr key={limit.name}>
              <th scope="row">{limit.name.replaceAll('_', ' ')}</th>
              <td class="end number">{count(limit.limit)}</td>
              <td class="end number">{count(limit.value)}</td>
              <td class="end number">{limit.hits > 0 ? <strong>{count(limit.hits)}</strong> : '0'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function Sources() {
  const { data, error, again } = useAsk<Answer>(address('/sources'), refresh.value);
  const all = data?.coverage;
  return (
    <>
      <PageHead title="Sources">
        {all && (
          <p class="muted">
            <strong>{ratio(all.understood)}</strong> of {count(all.lines)} lines understood: {count(all.recognised)} used, {count(all.ignored)} without use, {count(all.unparsed)} not understood.
            {all.data_from && <> Data from {dateTime(all.data_from)} to {dateTime(all.data_to)}.</>}
          </p>
        )}
      </PageHead>
      <div class="stack">
        {error && <Failure error={error} again={again} />}
        {data && (
          <>
            <Card title="Where lines come from" flush><SourceTable sources={data.sources} /></Card>
            <div class="halves">
              <Card title="Coverage by daemon" note="How much of what each one writes is understood" flush><CoverageTable daemons={data.daemons} /></Card>
              <div class="stack">
                <Card title="Mail servers" note="One row an instance" flush><StreamTable streams={data.streams} /></Card>
                <Card title="Gaps" note="Bytes gone before they were read" flush><Gaps gaps={data.gaps} /></Card>
              </div>
            </div>
            <div class="halves">
              <Card id="not-understood" title="Lines not understood" note="One of each shape" flush><Samples samples={data.samples} /></Card>
              {data.limits.length > 0 && <Card title="Limits" note="Nothing is dropped without being counted here" flush><Limits limits={data.limits} /></Card>}
            </div>
          </>
        )}
      </div>
    </>
  );
}
