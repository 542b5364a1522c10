// Rules: what each looks at and sees now, and a trial of an edited one over what is stored.
import { useState } from 'preact/hooks';
import type { AlertRule, AlertRules as Answer, Backtest } from '../api';
import { address, send } from '../client';
import { count, dateTime, duration, percent } from '../format';
import { refresh } from '../live';
import { Form, words } from '../part/form';
import { Card, Copy, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { useAsk } from '../query';
import { mayOperate } from '../session';
import { measured } from '../words';
import { groupText, Severity } from './alerts';

const STATE: Record<AlertRule['state'], { label: string; tone: string; glyph: string }> = {
  quiet: { label: 'quiet', tone: 'good', glyph: '✓' },
  pending: { label: 'pending', tone: 'wait', glyph: '…' },
  firing: { label: 'firing', tone: 'bad', glyph: '!' },
};

/** What a trial found. */
function Found({ result }: { result: Backtest }) {
  if (result.problems.length > 0) {
    return <div class="note bad" role="alert"><ul class="points">{result.problems.map((problem) => <li key={problem.line + problem.text}>Line {problem.line}: {problem.text}</li>)}</ul></div>;
  }
  return (
    <div role="status">
      <p><strong>{result.total === 0 ? 'Nothing would have fired' : `${count(result.total)} incidents`}</strong> from {dateTime(result.since)} to {dateTime(result.until)}{!result.complete && ' (it took too long to go on from there)'}.</p>
      <ul class="points">
        {result.incidents.slice(0, 20).map((row) => <li key={row.id}><span class="number">{dateTime(row.began)}</span> {groupText(row.group)}, {row.ended ? duration((Date.parse(row.ended) - Date.parse(row.began)) / 1000) : 'goes on'}: {measured(row.text)}</li>)}
      </ul>
    </div>
  );
}

function Rule({ rule }: { rule: AlertRule }) {
  const [text, setText] = useState(rule.text);
  const [result, setResult] = useState<Backtest | null>(null);
  const run = async (values: FormData) => {
    setResult(await send<Backtest>('POST', '/alerts/backtest', { rule: text, since: words(values, 'since') }));
  };
  return (
    <div class="stack">
      <p>{rule.why}</p>
      {rule.muted_by.length > 0 && <p class="muted">Not told while one of these fires: {rule.muted_by.join(', ')}.</p>}
      <details><summary>What to do when it fires</summary><pre class="runbook">{rule.runbook}</pre></details>
      {mayOperate.value && (
        <Form label="Try it" send={run} keep>
          <div class="form-field">
            <label for={`rule-${rule.name}`}>The rule, to be edited and tried. Save it as <code>{rule.name}.toml</code> in the folder of rules to put it in force.</label>
            <textarea id={`rule-${rule.name}`} class="field mono" rows={14} spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
          </div>
          <div class="form-field">
            <label for={`since-${rule.name}`}>Over the last</label>
            <select id={`since-${rule.name}`} class="field" name="since"><option value="1d">day</option><option value="7d" selected>7 days</option><option value="30d">30 days</option></select>
          </div>
          <Copy text={text} label="Copy the rule" />
        </Form>
      )}
      {result && <Found result={result} />}
    </div>
  );
}

/** The threshold beside the value. */
function limit(alert: { limit: number | null; of: number | null }): string {
  if (alert.limit === null || alert.limit <= 0) return '';
  return `; limit ${alert.of !== null && alert.of > 0 ? percent(alert.limit) : count(Math.round(alert.limit))}`;
}

/** What a rule sees: the groups of which it fires, or what is nearest to firing. */
function Sees({ rule }: { rule: AlertRule }) {
  const [worst, ...others] = rule.alerts;
  if (worst) return <>{groupText(worst.group)}: {measured(worst.text)}{limit(worst)}{others.length > 0 && ` (and ${others.length} more)`}</>;
  if (!rule.nearest) return <span class="muted">nothing of this kind</span>;
  return <span class="muted">{rule.nearest.group && <>{groupText(rule.nearest.group)}: </>}{measured(rule.nearest.text)}</span>;
}

export function Rules() {
  const { data, error, again } = useAsk<Answer>(address('/alerts/rules'), refresh.value);
  const [open, setOpen] = useState<string | null>(null);
  if (error) return <Failure error={error} again={again} />;
  return (
    <Card title="Rules in force" flush>
      <Scroll label="Rules">
        <table>
          <thead><tr><th scope="col">Rule</th><th scope="col">Severity</th><th scope="col">State</th><th scope="col" class="wide">Sees now</th></tr></thead>
          <tbody>
            {data?.rules.map((rule) => {
              const look = STATE[rule.state];
              return [
                <tr key={rule.name}>
                  <th scope="row"><button type="button" class="as-link" aria-expanded={open === rule.name} onClick={() => setOpen(open === rule.name ? null : rule.name)}>{rule.title}</button><div class="muted small">{rule.name} ({rule.kind.replaceAll('_', ' ')})</div><div class="narrow small"><Sees rule={rule} /></div></th>
                  <td><Severity word={rule.severity} /></td>
                  <td><span class={`badge ${look.tone}`}><span class="glyph" aria-hidden="true">{look.glyph}</span>{look.label}</span></td>
                  <td class="wide"><Sees rule={rule} /></td>
                </tr>,
                open === rule.name && <tr key={`${rule.name}-more`}><td colSpan={4}><Rule rule={rule} /></td></tr>,
              ];
            })}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}
