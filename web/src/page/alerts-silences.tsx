// Silences: what is told to nobody, until when, by whom.
import type { Silences as Answer } from '../api';
import { address, send } from '../client';
import { dateTime } from '../format';
import { Field, Form, Sure, words } from '../part/form';
import { Card, Empty, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { useAsk } from '../query';
import { mayOperate } from '../session';

const LENGTHS = [
  { minutes: 30, label: '30 minutes' },
  { minutes: 120, label: '2 hours' },
  { minutes: 720, label: '12 hours' },
  { minutes: 1440, label: '1 day' },
  { minutes: 10_080, label: '1 week' },
] as const;

export function Silences() {
  const { data, error, again } = useAsk<Answer>(address('/alerts/silences'));
  const add = async (values: FormData) => {
    await send('POST', '/alerts/silences', { rule: words(values, 'rule'), key: words(values, 'key'), comment: words(values, 'comment'), minutes: Number(words(values, 'minutes')) });
    again();
  };
  if (error) return <Failure error={error} again={again} />;
  return (
    <div class="stack">
      {mayOperate.value && (
        <Card title="New silence" note="What it covers goes on in the background; when it ends, what still fires is told.">
          <Form label="Tell nobody" send={add} plain>
            <Field label="Rule" name="rule" maxLength={300} placeholder="provider_block, or *" />
            <Field label="About" name="key" maxLength={300} placeholder="google, *@example.com, or *" />
            <Field label="Why" name="comment" maxLength={300} />
            <div class="form-field">
              <label for="silence-length">For</label>
              <select id="silence-length" class="field" name="minutes">{LENGTHS.map((length) => <option key={length.minutes} value={length.minutes} selected={length.minutes === 120}>{length.label}</option>)}</select>
            </div>
          </Form>
        </Card>
      )}
      <Card title="Silences" flush>
        {data?.silences.length === 0 ? <Empty title="None">Everything that should be told is told.</Empty> : (
          <Scroll label="Silences">
            <table>
              <thead><tr><th scope="col">Rule</th><th scope="col">About</th><th scope="col">Until</th><th scope="col" class="wide">By</th><th scope="col" class="wide">Why</th><th scope="col"><span class="visually-hidden">Act</span></th></tr></thead>
              <tbody>
                {data?.silences.map((silence) => (
                  <tr key={silence.id} class={silence.state === 'over' ? 'muted' : undefined}>
                    <th scope="row">{silence.rule}</th>
                    <td class="break">{silence.key}</td>
                    <td class="number">{dateTime(silence.until)}{silence.state === 'over' && ' (over)'}</td>
                    <td class="wide">{silence.author}</td>
                    <td class="wide">{silence.comment}</td>
                    <td class="end">{silence.state !== 'over' && mayOperate.value && <Sure label="End" ask="End it?" act={async () => { await send('DELETE', `/alerts/silences/${silence.id}`); again(); }} />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Card>
    </div>
  );
}
