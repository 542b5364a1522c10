// For administrators: users, and what people did.
import { useState } from 'preact/hooks';
import type { Audit as Deeds, User, Users as Answer } from '../api';
import { address, send } from '../client';
import { dateTime } from '../format';
import { Field, Form, Sure, words } from '../part/form';
import { Card, Empty, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { useAsk } from '../query';
import { session } from '../session';
import { plain } from '../words';

function Roles({ id, value }: { id: string; value: string }) {
  return (
    <div class="form-field">
      <label for={id}>Role</label>
      <select id={id} class="field" name="role">
        {['viewer', 'operator', 'administrator'].map((role) => <option key={role} value={role} selected={role === value}>{role}</option>)}
      </select>
    </div>
  );
}

/** Domains as they are typed: apart by commas or spaces; none means all. */
function domains(values: FormData): string[] | null {
  const typed = words(values, 'domains').split(/[\s,]+/).filter(Boolean);
  return typed.length > 0 ? typed : null;
}

const DOMAINS_HINT = 'Apart by spaces. Empty: the mail of all domains.';

function Edit({ user, done }: { user: User; done: () => void }) {
  const change = async (values: FormData) => {
    await send('PUT', `/users/${encodeURIComponent(user.name)}`, { role: words(values, 'role'), domains: domains(values) });
    done();
  };
  const reset = async (values: FormData) => {
    await send('POST', `/users/${encodeURIComponent(user.name)}/password`, { password: words(values, 'password') });
    done();
  };
  return (
    <Card title={`Change ${user.name}`}>
      <Form label="Save" send={change} plain>
        <Roles id="edit-role" value={user.role} />
        <Field label="Only these domains" name="domains" value={user.domains?.join(' ') ?? ''} hint={DOMAINS_HINT} />
      </Form>
      <Form label="Set the password" send={reset} plain>
        <Field label="New password" name="password" type="password" required minLength={session.value?.password_min} autocomplete="new-password" hint="Ends the user's sessions, and turns one-time codes off." />
      </Form>
      <button type="button" class="button" onClick={done}>Close</button>
    </Card>
  );
}

export function Users() {
  const { data, error, again } = useAsk<Answer>(address('/users'));
  const [edited, setEdited] = useState<User | null>(null);
  const add = async (values: FormData) => {
    const password = words(values, 'password');
    await send('POST', '/users', { name: words(values, 'name'), role: words(values, 'role'), password: password || null, domains: domains(values) });
    again();
  };
  if (error) return <Failure error={error} again={again} />;
  return (
    <>
      <Card title="Users" flush>
        <Scroll label="Users">
          <table>
            <thead><tr><th>Name</th><th>Role</th><th>Domains</th><th class="wide">One-time codes</th><th class="wide">Last login</th><th /></tr></thead>
            <tbody>
              {data?.users.map((user) => (
                <tr key={user.name}>
                  <th scope="row" class="break">{user.name}</th>
                  <td>{user.role}</td>
                  <td class="break">{user.domains?.join(', ') ?? 'all'}</td>
                  <td class="wide">{user.totp ? 'on' : user.has_password ? 'off' : 'no password: by proxy only'}</td>
                  <td class="wide number">{user.seen ? dateTime(user.seen) : 'never'}</td>
                  <td class="end">
                    <button type="button" class="button" aria-label={`Change ${user.name}`} onClick={() => setEdited(user)}>Change</button>{' '}
                    <Sure label="Remove" ask={`Remove ${user.name}?`} act={async () => { await send('DELETE', `/users/${encodeURIComponent(user.name)}`); again(); }} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </Card>
      {edited && <Edit key={edited.name} user={edited} done={() => { setEdited(null); again(); }} />}
      <Card title="New user">
        <Form label="Add the user" send={add} plain>
          <Field label="Name" name="name" required autocomplete="off" autocapitalize="none" spellcheck={false} />
          <Roles id="new-role" value="viewer" />
          <Field label="Only these domains" name="domains" hint={DOMAINS_HINT} />
          <Field label="Password" name="password" type="password" autocomplete="new-password" hint="Empty: only a trusted proxy can let the user in." />
        </Form>
      </Card>
    </>
  );
}

export function Audit() {
  const [cursors, setCursors] = useState<string[]>([]);
  const { data, error, again } = useAsk<Deeds>(address('/audit', { cursor: cursors.at(-1) }));
  if (error) return <Failure error={error} again={again} />;
  const next = data?.next_cursor;
  return (
    <Card title="What people did, and whom they looked up" flush>
      {data?.deeds.length === 0 ? <Empty title="Nothing yet" /> : (
        <Scroll label="Audit log">
          <table>
            <thead><tr><th>When</th><th>Who</th><th>What</th><th>Of</th><th class="wide">From</th></tr></thead>
            <tbody>
              {data?.deeds.map((deed, index) => (
                <tr key={`${deed.time}-${index}`}>
                  <td class="number">{dateTime(deed.time)}</td>
                  <th scope="row" class="break">{deed.who || 'nobody (before there were users)'}</th>
                  <td>{plain(deed.action)}</td>
                  <td class="break">{deed.detail}</td>
                  <td class="wide mono">{deed.address}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      <div class="inset row">
        {cursors.length > 0 && <button type="button" class="button" onClick={() => setCursors(cursors.slice(0, -1))}>Newer</button>}
        {next && <button type="button" class="button" onClick={() => setCursors([...cursors, next])}>Older</button>}
      </div>
    </Card>
  );
}
