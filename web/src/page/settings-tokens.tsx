// Tokens of the API.
import { useState } from 'preact/hooks';
import type { NewTokenAnswer, Tokens as Answer } from '../api';
import { address, send } from '../client';
import { dateTime } from '../format';
import { Field, Form, Sure, words } from '../part/form';
import { Card, Copy, Empty, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { useAsk } from '../query';
import { session } from '../session';

const SCOPES = [
  { word: 'metrics', label: 'metrics: only /metrics, for Prometheus', role: 'viewer' },
  { word: 'read', label: 'read: all that you may see', role: 'viewer' },
  { word: 'operate', label: 'operate: what operators change', role: 'operator' },
  { word: 'administer', label: 'administer: users and tokens too', role: 'administrator' },
] as const;
const RANK = ['metrics', 'viewer', 'operator', 'administrator'];

export function Tokens() {
  const { data, error, again } = useAsk<Answer>(address('/tokens'));
  const [made, setMade] = useState<string | null>(null);
  const rank = RANK.indexOf(session.value?.user?.role ?? 'viewer');
  const add = async (values: FormData) => {
    const days = Number(words(values, 'days'));
    const answer = await send<NewTokenAnswer>('POST', '/tokens', { name: words(values, 'name'), scopes: [words(values, 'scope')], days: days > 0 ? days : null });
    setMade(answer.token);
    again();
  };
  if (error) return <Failure error={error} again={again} />;
  return (
    <>
      {made && (
        <div class="note" role="status">
          <div>
            <strong>The token, shown only now:</strong> <code class="break" aria-label="The new token">{made}</code>
          </div>
          <Copy text={made} label="Copy it" />
        </div>
      )}
      <Card title="New token" note="It can never do more than you.">
        <Form label="Make a token" send={add} plain>
          <Field label="What it is for" name="name" required maxLength={100} />
          <div class="form-field">
            <label for="token-scope">What it may do</label>
            <select id="token-scope" class="field" name="scope">{SCOPES.filter((scope) => RANK.indexOf(scope.role) <= rank).map((scope) => <option key={scope.word} value={scope.word} selected={scope.word === 'read'}>{scope.label}</option>)}</select>
          </div>
          <Field label="Ends after days" name="days" type="number" min={1} max={3650} hint="Empty: no end." />
        </Form>
      </Card>
      <Card title="Tokens" flush>
        {data?.tokens.length === 0 ? <Empty title="No tokens">A program shows one as <code>Authorization: Bearer …</code></Empty> : (
          <Scroll label="Tokens">
            <table>
              <thead><tr><th>Name</th><th>Begins with</th><th class="wide">Of</th><th>May</th><th class="wide">Ends</th><th>Last used</th><th /></tr></thead>
              <tbody>
                {data?.tokens.map((token) => (
                  <tr key={token.id}>
                    <th scope="row" class="break">{token.name}</th>
                    <td class="mono">{token.prefix}…</td>
                    <td class="wide">{token.owner}</td>
                    <td>{token.scopes.join(', ')}</td>
                    <td class="wide number">{token.expires ? dateTime(token.expires) : 'never'}</td>
                    <td class="number">{token.seen ? dateTime(token.seen) : 'never'}</td>
                    <td class="end"><Sure label="Revoke" ask="Revoke it?" act={async () => { await send('DELETE', `/tokens/${token.id}`); again(); }} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Card>
    </>
  );
}
