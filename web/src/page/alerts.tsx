// Alerts: what goes on, what was, silences, rules with a trial of an edited one, and what was told to whom.
import { useState } from 'preact/hooks';
import type { AlertGroup, AlertHistory, AlertIncident, Alerts as Answer } from '../api';
import { address, send } from '../client';
import { FILTERS } from '../filters';
import { ago, dateTime, duration } from '../format';
import { now, refresh } from '../live';
import { link, query } from '../location';
import { Sure } from '../part/form';
import { Card, Empty, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';
import { mayOperate } from '../session';
import { measured, plain } from '../words';
import { IncidentChart } from './alerts-chart';
import { Notices } from './alerts-notices';
import { Rules } from './alerts-rules';
import { Silences } from './alerts-silences';

const TABS = [
  { path: '/alerts', label: 'Now' },
  { path: '/alerts/history', label: 'History' },
  { path: '/alerts/silences', label: 'Silences' },
  { path: '/alerts/rules', label: 'Rules' },
  { path: '/alerts/notices', label: 'Notices' },
] as const;

const GRAVE: Record<string, { tone: string; glyph: string }> = {
  page: { tone: 'bad', glyph: '!' },
  ticket: { tone: 'wait', glyph: '▲' },
  info: { tone: 'calm', glyph: 'i' },
};

export function Severity({ word }: { word: string }) {
  const look = GRAVE[word] ?? { tone: 'calm', glyph: 'i' };
  return <span class={`badge ${look.tone}`}><span class="glyph" aria-hidden="true">{look.glyph}</span>{word}</span>;
}

/** Whom an alert is about. */
export function groupText(group: AlertGroup | null): string {
  return group ? `${plain(group.label)} ${group.name}` : 'the whole server';
}

/** Where to read on: the deliveries of a group, where they can be shown. */
function groupLink(group: AlertGroup | null, began: string, ended: string | null = null): string | null {
  const shown: readonly string[] = FILTERS;
  const since = new Date(Date.parse(began) - 6 * 3600_000).toISOString();
  const until = ended && new Date(Date.parse(ended) + 3600_000).toISOString();
  if (!group) return link('/deliveries', { since, until });
  return shown.includes(group.label) ? link('/deliveries', { since, until, [group.label]: group.key }) : null;
}

/** Who and where, what the other side says, and what changed: as the notice has it. */
function Explained({ incident }: { incident: AlertIncident }) {
  return (
    <>
      {incident.groups.length > 0 && <><h3>Who and where</h3><ul class="points">{incident.groups.map((text) => <li key={text} class="break">{text}</li>)}</ul></>}
      {incident.changes.length > 0 && <><h3>What changed shortly before</h3><ul class="points">{incident.changes.map((text) => <li key={text} class="break">{text}</li>)}</ul></>}
      {incident.replies.length > 0 && (
        <>
          <h3>What the other side says</h3>
          <ul class="points">
            {incident.replies.map((each) => <li key={each.reply} class="break">{each.count}× <q>{each.reply}</q><div class="muted small">{each.meaning}{each.fix && <> <strong>To do:</strong> {each.fix}</>}</div></li>)}
          </ul>
        </>
      )}
    </>
  );
}

function Incident({ incident, again }: { incident: AlertIncident; again: () => void }) {
  const read = groupLink(incident.group, incident.began);
  const chosen = query.value.get('incident') === incident.id;
  const silence = async () => {
    // Every rule of the card: one alone would leave the others to tell of it.
    for (const rule of new Set(incident.alerts.map((alert) => alert.rule))) {
      await send('POST', '/alerts/silences', { rule, key: incident.group?.key ?? '', comment: `from the page: ${incident.title}`, minutes: 120 });
    }
    again();
  };
  return (
    <section class={`card incident ${incident.severity}${chosen ? ' chosen' : ''}`} id={incident.id}>
      <header>
        <h2>{incident.title}{incident.group && <>: <span class="break">{groupText(incident.group)}</span></>}</h2>
        <Severity word={incident.severity} />
      </header>
      <p class="muted">
        Since {dateTime(incident.began)} ({duration((now.value - Date.parse(incident.began)) / 1000)})
        {incident.told ? <>, told {ago(incident.told, now.value)}</> : ', not told to anybody'}
        {incident.acknowledged && <>, acknowledged{incident.acknowledged.author && <> by <strong>{incident.acknowledged.author}</strong></>}</>}
        {incident.silenced_until && <>, silent until {dateTime(incident.silenced_until)}</>}
      </p>
      <ul class="points">
        {incident.alerts.map((alert) => <li key={alert.rule + (alert.group?.key ?? '')}><strong>{plain(alert.rule)}</strong> {measured(alert.text)}{alert.state === 'resolved' && ' (over)'}</li>)}
      </ul>
      <p>{incident.why}</p>
      <IncidentChart incident={incident} now={now.value} turn={refresh.value} />
      <Explained incident={incident} />
      <details>
        <summary>What to do</summary>
        <pre class="runbook">{incident.runbook}</pre>
      </details>
      <div class="row">
        {mayOperate.value && !incident.acknowledged && (
          <button type="button" class="button primary" onClick={() => void send('POST', `/alerts/incidents/${incident.id}/acknowledge`).then(again, again)}>Acknowledge</button>
        )}
        {mayOperate.value && !incident.silenced_until && <Sure label="Silence for 2 h" ask="Tell nobody for 2 hours?" act={silence} />}
        {read && <a class="button" href={read}>See the deliveries</a>}
      </div>
    </section>
  );
}

function Receiver({ receiver }: { receiver: Answer['receivers'][number] }) {
  const [isSent, setSent] = useState(false);
  const test = async () => {
    await send('POST', '/alerts/test', { receiver: receiver.name });
    setSent(true);
  };
  return (
    <li>
      <span><strong>{receiver.name}</strong>: <span class="break">{receiver.routes.map((route) => route.slice(route.indexOf(' ') + 1)).join('; then ')}</span></span>
      {mayOperate.value && <span class="row"><Sure label="Send a test notice" ask={`Send one to ${receiver.name}?`} act={test} /></span>}
      {isSent && <span role="status">A test notice is on its way: <a href="/alerts/notices">what came of it</a>. Accepted is not arrived: look where you will see it at night.</span>}
    </li>
  );
}

function Now() {
  const { data, error, again } = useAsk<Answer>(address('/alerts'), refresh.value);
  if (error) return <Failure error={error} again={again} />;
  if (!data) return null;
  return (
    <div class="stack">
      {data.warnings.map((warning) => <div class="note wait" key={warning}>{warning}</div>)}
      {data.learning && <div class="note">History is being learned from: nothing is told yet.</div>}
      {data.incidents.length === 0 && (
        <Card title="Nothing is wrong">
          <Empty title="No incident goes on">{data.judged_to ? <>Everything up to {dateTime(data.judged_to)} was judged.</> : <>Nothing has been judged yet.</>}</Empty>
        </Card>
      )}
      {data.incidents.map((incident) => <Incident key={incident.id} incident={incident} again={again} />)}
      {data.pending.length > 0 && (
        <Card title="Not yet" note="These hold, but not for long enough" flush>
          <Scroll label="Alerts that are pending">
            <table>
              <thead><tr><th scope="col">Rule</th><th scope="col">About</th><th scope="col">Numbers</th></tr></thead>
              <tbody>{data.pending.map((alert) => <tr key={alert.rule + (alert.group?.key ?? '')}><th scope="row">{plain(alert.rule)}</th><td class="break">{groupText(alert.group)}</td><td>{measured(alert.text)}</td></tr>)}</tbody>
            </table>
          </Scroll>
        </Card>
      )}
      <Card title="Who is told">
        {data.receivers.length === 0
          ? <Empty title="Nobody">Name a receiver in the configuration (<code>[notify.ops]</code>), and try it with <code>mailvane alerts test</code>.</Empty>
          : <ul class="receivers">{data.receivers.map((receiver) => <Receiver key={receiver.name} receiver={receiver} />)}</ul>}
      </Card>
    </div>
  );
}

function Title({ row }: { row: AlertHistory['incidents'][number] }) {
  const to = groupLink(row.group, row.began, row.ended);
  return to ? <a href={to}>{row.title}</a> : <>{row.title}</>;
}

function History() {
  const { data, error, again } = useAsk<AlertHistory>(address('/alerts/history', { since: '90d', limit: 500 }), refresh.value);
  if (error) return <Failure error={error} again={again} />;
  if (!data) return null;
  return (
    <Card title="Incidents of 90 days" flush>
      {data.incidents.length === 0 ? <Empty title="None">Nothing fired since {dateTime(data.since)}.</Empty> : (
        <Scroll label="Incidents">
          <table>
            <thead><tr><th scope="col">What</th><th scope="col" class="wide">Severity</th><th scope="col">Began</th><th scope="col">Lasted</th><th scope="col" class="wide">Numbers</th></tr></thead>
            <tbody>
              {data.incidents.map((row) => (
                <tr key={row.id}>
                  <th scope="row"><Title row={row} /><div class="muted small break">{groupText(row.group)}{row.history && ', found in history, told to nobody'}</div><div class="narrow"><Severity word={row.severity} /></div></th>
                  <td class="wide"><Severity word={row.severity} /></td>
                  <td>{dateTime(row.began)}</td>
                  <td class="number">{row.ended ? duration((Date.parse(row.ended) - Date.parse(row.began)) / 1000) : <strong>goes on</strong>}</td>
                  <td class="wide">{measured(row.text)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Card>
  );
}

export function Alerts({ at }: { at: string }) {
  const tab = TABS.find((each) => each.path === at) ?? TABS[0];
  return (
    <>
      <PageHead title="Alerts">
        <nav class="nav tabs" aria-label="Alerts">
          {TABS.map((each) => <a key={each.path} href={each.path} aria-current={each === tab ? 'page' : undefined}>{each.label}</a>)}
        </nav>
      </PageHead>
      {tab.path === '/alerts' && <Now />}
      {tab.path === '/alerts/history' && <History />}
      {tab.path === '/alerts/silences' && <Silences />}
      {tab.path === '/alerts/rules' && <Rules />}
      {tab.path === '/alerts/notices' && <Notices />}
    </>
  );
}
