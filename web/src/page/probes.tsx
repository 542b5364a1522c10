// Probes: what is looked at from outside, when, how it stands, and how long it took.
import type { Probe as One, ProbeHistory, ProbeRun, Probes as List, ProbeSummary } from '../api';
import { address } from '../client';
import { ago, clock, count, dateTime } from '../format';
import { now, refresh } from '../live';
import { Changes, countsText, Findings, RunNow, StateBadge } from '../part/finding';
import { Card, Empty, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';

const milliseconds = (value: number | null) => (value === null ? '–' : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`);

function Row({ probe }: { probe: ProbeSummary }) {
  return (
    <tr>
      <th scope="row" class="break"><a href={`/probes/${probe.id}`}>{probe.id}</a><div class="muted small">{probe.kind} · {probe.scopes.map((each) => each.scope).join(', ')}</div></th>
      <td><StateBadge state={probe.state} /><div class="muted small">{countsText(probe.counts)}</div></td>
      <td class="wide"><code>{probe.schedule}</code><div class="muted small">{probe.time_zone}</div></td>
      <td class="end number" title={dateTime(probe.last?.time ?? null)}>{probe.running_since ? 'runs now' : probe.last ? ago(probe.last.time, now.value) : 'never'}</td>
      <td class="end number wide">{probe.next ? clock(probe.next) : '–'}</td>
    </tr>
  );
}

export function Probes() {
  const { data, error, again } = useAsk<List>(address('/probes'), refresh.value);
  return (
    <>
      <PageHead title="Probes"><p class="muted">Your servers as others meet them, on a schedule.</p></PageHead>
      <div class="stack">
        {error && <Failure error={error} again={again} />}
        {data?.probes.length === 0 && <Card title="Probes"><Empty title="No probes">Write one into the configuration: <code>[[probe]]</code> with <code>name</code>, <code>kind = "smtp"</code> and <code>hosts = ["mail.example.com:25"]</code></Empty></Card>}
        {data && data.probes.length > 0 && (
          <Card title="Probes" flush>
            <Scroll label="Probes">
              <table>
                <thead><tr><th scope="col">Probe</th><th scope="col">State</th><th scope="col" class="wide">Schedule</th><th scope="col" class="end">Last run</th><th scope="col" class="end wide">Next</th></tr></thead>
                <tbody>{data.probes.map((probe) => <Row key={probe.id} probe={probe} />)}</tbody>
              </table>
            </Scroll>
          </Card>
        )}
      </div>
    </>
  );
}

function Scopes({ probe }: { probe: ProbeSummary }) {
  return (
    <Scroll label="Servers">
      <table>
        <thead><tr><th scope="col">Domain or server</th><th scope="col">State</th><th scope="col" class="end">Conversation</th></tr></thead>
        <tbody>
          {probe.scopes.map((each) => (
            <tr key={each.scope}>
              <th scope="row" class="break">{each.scope}{each.failed && <div class="small"><strong>{each.failed}</strong></div>}</th>
              <td><StateBadge state={each.state} /></td>
              <td class="end number">{milliseconds(each.latency_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Runs({ runs }: { runs: readonly ProbeRun[] }) {
  if (runs.length === 0) return <Empty title="No runs in the last seven days" />;
  return (
    <Scroll label="Runs">
      <table>
        <thead><tr><th scope="col">Begun</th><th scope="col">Found</th><th scope="col" class="end">Slowest conversation</th><th scope="col" class="end wide">Missed before</th></tr></thead>
        <tbody>
          {runs.slice(0, 50).map((run) => (
            <tr key={run.time}>
              <th scope="row" class="number">{dateTime(run.time)}</th>
              <td>{countsText(run.counts)}{run.failed.map((each) => <div key={each.scope} class="small break">{each.scope}: {each.why}</div>)}</td>
              <td class="end number">
                {milliseconds(run.latency_ms.length === 0 ? null : Math.max(...run.latency_ms.map((each) => each.ms)))}
                {run.latency_ms.flatMap((each) => each.legs.slice(0, -1)).map((leg) => <div key={leg.step} class="small muted break">{leg.step} {milliseconds(leg.ms)}</div>)}
              </td>
              <td class="end number wide">{count(run.missed)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function Probe({ id }: { id: string }) {
  const path = `/probes/${encodeURIComponent(id)}`;
  const { data, error, again } = useAsk<One>(address(path), refresh.value);
  const past = useAsk<ProbeHistory>(address(`${path}/history`), refresh.value);
  return (
    <>
      <PageHead title={`Probe ${id}`} controls={data && <RunNow probe={id} again={() => { again(); past.again(); }} />}>
        <p class="muted"><a href="/probes">All probes</a>{data && <> · {data.probe.kind} · <code>{data.probe.schedule}</code> {data.probe.time_zone}{data.probe.next && <> · next at {clock(data.probe.next)}</>}</>}</p>
      </PageHead>
      <div class="stack">
        {error && <Failure error={error} again={again} />}
        {data && (
          <>
            <Card title="Looked at" note={<StateBadge state={data.probe.state} />} flush><Scopes probe={data.probe} /></Card>
            <Card title="Findings" flush><Findings findings={data.findings} /></Card>
          </>
        )}
        {past.data && (
          <div class="halves">
            <Card title="Changes" note="of the last seven days" flush><Changes changes={past.data.changes} /></Card>
            <Card title="Runs" note="of the last seven days" flush><Runs runs={past.data.runs} /></Card>
          </div>
        )}
      </div>
    </>
  );
}
