// A finding of a probe: state, what it means, what to do, the evidence; and what changed.
import { useState } from 'preact/hooks';
import type { Finding, FindingChange, ProbeCounts } from '../api';
import { send } from '../client';
import type { Refusal } from '../client';
import { ago, count, dateTime } from '../format';
import { now } from '../live';
import { session } from '../session';
import { Empty } from './pieces';

type State = Finding['state'];

const STATES: Record<State, { label: string; glyph: string; tone: string }> = {
  ok: { label: 'fine', glyph: '✓', tone: 'good' },
  unknown: { label: 'not known', glyph: '?', tone: 'calm' },
  warning: { label: 'warning', glyph: '!', tone: 'wait' },
  problem: { label: 'problem', glyph: '✕', tone: 'bad' },
};

export function StateBadge({ state }: { state: State }) {
  const look = STATES[state];
  return <span class={`badge ${look.tone}`}><span class="glyph" aria-hidden="true">{look.glyph}</span>{look.label}</span>;
}

/** `2 problems, 1 warning, 3 not known, 14 fine`; what there is none of is left out. */
export function countsText(counts: ProbeCounts): string {
  const part = (value: number, one: string, many: string) => (value === 0 ? [] : [`${count(value)} ${value === 1 ? one : many}`]);
  const parts = [...part(counts.problems, 'problem', 'problems'), ...part(counts.warnings, 'warning', 'warnings'), ...part(counts.unknown, 'not known', 'not known'), ...part(counts.ok, 'fine', 'fine')];
  return parts.join(', ') || 'nothing found yet';
}

function Past({ finding }: { finding: Finding }) {
  return (
    <p class="muted small">
      So since {dateTime(finding.since)}; looked at {ago(finding.last_seen, now.value)}.
      {finding.silent && <> Not found out since {dateTime(finding.silent.since)}: {finding.silent.title}.</>}
      {finding.candidate && <> The last run says <strong>{STATES[finding.candidate.state].label}: {finding.candidate.title}</strong>; a second run has to bear it out.</>}
    </p>
  );
}

function Evidence({ finding }: { finding: Finding }) {
  if (finding.evidence.length === 0) return null;
  return (
    <details>
      <summary class="small">Evidence ({count(finding.evidence.length)})</summary>
      <ul class="evidence">
        {finding.evidence.map((each, at) => (
          <li key={at}>
            <div class="small muted break">{each.question} – from {each.server}, {dateTime(each.time)}{each.ttl !== null && `, may be kept ${count(each.ttl)} s`}</div>
            <pre class="small">{each.answer}</pre>
          </li>
        ))}
      </ul>
    </details>
  );
}

function One({ finding }: { finding: Finding }) {
  const bad = finding.state === 'problem' || finding.state === 'warning';
  return (
    <li class="finding">
      <div class="spread"><strong class="break">{finding.title}</strong><StateBadge state={finding.state} /></div>
      <div class="muted small break">{finding.check} · {finding.subject}{bad && ` · ${finding.severity}`}</div>
      {finding.means && <p>{finding.means}</p>}
      {finding.fix && <p><strong>To do:</strong> {finding.fix}</p>}
      {(bad || finding.candidate || finding.silent) && <Past finding={finding} />}
      <Evidence finding={finding} />
    </li>
  );
}

/** What wants something is open, the rest is folded. */
export function Findings({ findings }: { findings: readonly Finding[] }) {
  if (findings.length === 0) return <Empty title="Nothing found yet">The first run has not ended.</Empty>;
  const open = findings.filter((each) => each.state === 'problem' || each.state === 'warning' || each.candidate !== null);
  const unknown = findings.filter((each) => each.state === 'unknown' && each.candidate === null);
  const fine = findings.filter((each) => each.state === 'ok' && each.candidate === null);
  const list = (some: readonly Finding[]) => <ul class="findings">{some.map((each) => <One key={`${each.scope} ${each.check} ${each.subject}`} finding={each} />)}</ul>;
  return (
    <>
      {open.length > 0 ? list(open) : <p class="quiet">Nothing wants anything.</p>}
      {unknown.length > 0 && <details class="fold"><summary>Not known ({count(unknown.length)})</summary>{list(unknown)}</details>}
      {fine.length > 0 && <details class="fold"><summary>Fine ({count(fine.length)})</summary>{list(fine)}</details>}
    </>
  );
}

export function Changes({ changes }: { changes: readonly FindingChange[] }) {
  if (changes.length === 0) return <Empty title="No changes">A change is told when two runs have seen it.</Empty>;
  return (
    <ul class="findings">
      {changes.map((change) => (
        <li class="finding" key={`${change.time} ${change.check} ${change.subject}`}>
          <div class="spread"><strong class="break">{change.check} of {change.subject}</strong><span class="muted small number">{dateTime(change.time)}</span></div>
          {change.before !== change.after && <div><StateBadge state={change.before} /> <span aria-label="then">→</span> <StateBadge state={change.after} /> {change.title}</div>}
          {change.added.map((part) => <div key={`+${part}`} class="small break"><span class="part-added">added</span> <code>{part}</code></div>)}
          {change.removed.map((part) => <div key={`-${part}`} class="small break"><span class="part-removed">removed</span> <code>{part}</code></div>)}
        </li>
      ))}
    </ul>
  );
}

/** Runs a probe out of turn; for those who may. */
export function RunNow({ probe, again }: { probe: string; again: () => void }) {
  const [said, setSaid] = useState<string | null>(null);
  if (session.value?.user?.role === 'viewer') return null;
  const run = async () => {
    try {
      await send('POST', `/probes/${encodeURIComponent(probe)}/run`);
      setSaid('It runs.');
      setTimeout(again, 2000);
    } catch (error) {
      setSaid((error as Refusal).message);
    }
  };
  return (
    <span class="run-now">
      <button type="button" class="button" onClick={run}>Run now</button>
      <span class="muted small" role="status">{said}</span>
    </span>
  );
}
