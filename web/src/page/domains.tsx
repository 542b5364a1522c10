// Domains: what DNS says of our domains, and the rules of the large receivers with their evidence.
import type { Domains as List, DomainSheet, LearnedValue, SheetLine } from '../api';
import { address } from '../client';
import { ago, dateTime } from '../format';
import { now, refresh } from '../live';
import { Changes, countsText, Findings, RunNow, StateBadge } from '../part/finding';
import { Card, Empty, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';

export function Domains() {
  const { data, error, again } = useAsk<List>(address('/domains'), refresh.value);
  return (
    <>
      <PageHead title="Domains"><p class="muted">What the world sees of your domains: MX, SPF, DKIM, DMARC, DNSSEC, block lists. Nothing is called broken on one name server's word.</p></PageHead>
      <div class="stack">
        {error && <Failure error={error} again={again} />}
        {data?.domains.length === 0 && <Card title="Domains"><Empty title="No domains">Name yours in the configuration: <code>[domains] ours = ["example.com"]</code></Empty></Card>}
        {data && data.domains.length > 0 && (
          <Card title="Domains" flush>
            <Scroll label="Domains">
              <table>
                <thead><tr><th scope="col">Domain</th><th scope="col">State</th><th scope="col" class="wide">Findings</th><th scope="col" class="end wide">Last run</th></tr></thead>
                <tbody>
                  {data.domains.map((row) => (
                    <tr key={row.domain}>
                      <th scope="row" class="break"><a href={`/domains/${row.domain}`}>{row.domain}</a>{row.worst && <div class="muted small">{row.worst}</div>}</th>
                      <td><StateBadge state={row.state} /></td>
                      <td class="wide"><a href={`/domains/${row.domain}`}>{countsText(row.counts)}</a></td>
                      <td class="end number wide" title={dateTime(row.last_run)}>{row.last_run ? ago(row.last_run, now.value) : '–'}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          </Card>
        )}
      </div>
    </>
  );
}

const MARKS = { pass: { glyph: '✓', tone: 'good' }, fail: { glyph: '✕', tone: 'bad' }, unknown: { glyph: '?', tone: 'calm' } } as const;

function Sheet({ lines }: { lines: readonly SheetLine[] }) {
  if (lines.length === 0) return <Empty title="Not looked at yet" />;
  return (
    <Scroll label="Rules of receivers">
      <table>
        <thead><tr><th scope="col">Rule</th><th scope="col">Holds</th><th scope="col" class="wide">Because</th></tr></thead>
        <tbody>
          {lines.map((line) => (
            <tr key={line.provider + line.for + line.rule}>
              <th scope="row">{line.provider}: {line.rule}{line.for === 'bulk' && <div class="muted small">for who sends in bulk</div>}</th>
              <td><span class={`badge ${MARKS[line.result].tone}`}><span class="glyph" aria-hidden="true">{MARKS[line.result].glyph}</span>{line.result}</span></td>
              <td class="wide">{line.because}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const WHAT: Record<LearnedValue['what'], string> = { sending_ip: 'Sends from', helo: 'Says in HELO', sender: 'Envelope sender', selector: 'DKIM selector', smarthost: 'Leaves through' };

function Learned({ values }: { values: readonly LearnedValue[] }) {
  if (values.length === 0) return <Empty title="Not known">Which addresses mail leaves from is not visible here: give them to the probe (<code>ip = ["192.0.2.10"]</code>, <code>selector = ["s1"]</code>).</Empty>;
  return (
    <ul class="findings">
      {values.map((each) => <li class="finding" key={each.what + each.value}><div class="spread"><span>{WHAT[each.what]} <strong class="break">{each.value}</strong></span><span class="muted small">{each.source}</span></div></li>)}
    </ul>
  );
}

export function Domain({ name }: { name: string }) {
  const { data, error, again } = useAsk<DomainSheet>(address(`/domains/${encodeURIComponent(name)}`), refresh.value);
  return (
    <>
      <PageHead title={name} controls={data && <RunNow probe={data.probe} again={again} />}>
        <p class="muted"><a href="/domains">All domains</a>{data && <> · {countsText(data.counts)} · last run {data.last_run ? ago(data.last_run, now.value) : 'never'}{data.running_since && ', one is under way'}</>}</p>
      </PageHead>
      <div class="stack">
        {error && <Failure error={error} again={again} />}
        {data && (
          <>
            <Card title="Findings" note={<StateBadge state={data.state} />} flush><Findings findings={data.findings} /></Card>
            <Card title="What Gmail, Yahoo and Microsoft ask for" flush><Sheet lines={data.sheet} /></Card>
            <div class="halves">
              <Card title="What its servers use" note="and where that was learned" flush><Learned values={data.learned} /></Card>
              <Card title="Changes" note="borne out by two runs" flush><Changes changes={data.changes} /></Card>
            </div>
          </>
        )}
      </div>
    </>
  );
}
