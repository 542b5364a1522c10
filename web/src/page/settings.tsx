// Settings: the own account, tokens, and for administrators users, sessions and what people did.
import { useState } from 'preact/hooks';
import type { Account, LoginSessions, RecoveryCodes, TotpSecret } from '../api';
import { address, send } from '../client';
import { dateTime } from '../format';
import { path } from '../location';
import { Field, Form, Sure, words } from '../part/form';
import { Card, Copy, Empty, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';
import { changePassword, isAdministrator, logOut, session } from '../session';
import { twice } from './door';
import { Audit, Users } from './settings-people';
import { Tokens } from './settings-tokens';

const TABS = [
  { path: '/settings', label: 'My account', only: false },
  { path: '/settings/tokens', label: 'Tokens', only: false },
  { path: '/settings/users', label: 'Users', only: true },
  { path: '/settings/sessions', label: 'Sessions', only: true },
  { path: '/settings/audit', label: 'Audit log', only: true },
] as const;

function Password() {
  const [done, setDone] = useState(false);
  const change = async (values: FormData) => {
    await changePassword(words(values, 'current'), twice(values));
    setDone(true);
  };
  return (
    <Card title="Password">
      {done && <div class="note" role="status">The password is changed. Your other sessions have ended.</div>}
      <Form label="Change the password" send={change}>
        <Field label="Current password" name="current" type="password" required autocomplete="current-password" />
        <Field label="New password" name="password" type="password" required minLength={session.value?.password_min} autocomplete="new-password" />
        <Field label="New password again" name="again" type="password" required autocomplete="new-password" />
      </Form>
    </Card>
  );
}

function Codes({ account, again }: { account: Account; again: () => void }) {
  const [secret, setSecret] = useState<TotpSecret | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  if (codes) {
    return (
      <Card title="One-time codes">
        <p>They are on. Keep these recovery codes where the telephone is not; each lets you in once, and they are shown only now:</p>
        <pre class="codes" aria-label="Recovery codes"><code>{codes.join('\n')}</code></pre>
        <div class="row">
          <Copy text={codes.join('\n')} label="Copy the codes" />
          <button type="button" class="button" onClick={() => { setCodes(null); again(); }}>I have kept them</button>
        </div>
      </Card>
    );
  }
  if (account.totp) {
    const off = async (values: FormData) => {
      await send('POST', '/account/totp/off', { password: words(values, 'password') });
      again();
    };
    return (
      <Card title="One-time codes">
        <p>They are on; {account.recovery_left} recovery codes are left.</p>
        <Form label="Turn them off" send={off}><Field label="Your password" name="password" type="password" required autocomplete="current-password" /></Form>
      </Card>
    );
  }
  if (secret) {
    const confirm = async (values: FormData) => {
      const { recovery } = await send<RecoveryCodes>('PUT', '/account/totp', { code: words(values, 'code').trim() });
      setSecret(null);
      setCodes(recovery);
    };
    return (
      <Card title="One-time codes">
        <p>Add this key to an authenticator app, by <a href={secret.address}>this link</a> on the telephone or by typing it:</p>
        <p class="secret mono break" aria-label="Key">{secret.secret.match(/.{1,4}/g)?.join(' ')}</p>
        <Form label="Turn them on" send={confirm}><Field label="The code that the app shows" name="code" required inputMode="numeric" autocomplete="one-time-code" /></Form>
      </Card>
    );
  }
  const begin = async (values: FormData) => setSecret(await send<TotpSecret>('POST', '/account/totp', { password: words(values, 'password') }));
  return (
    <Card title="One-time codes">
      <p>A code from an app on your telephone, asked for beside the password: whoever learns the password alone does not get in.</p>
      <Form label="Begin" send={begin}><Field label="Your password" name="password" type="password" required autocomplete="current-password" /></Form>
    </Card>
  );
}

function Sessions({ of }: { of: 'own' | 'all' }) {
  const place = of === 'own' ? '/account/sessions' : '/sessions';
  const { data, error, again } = useAsk<LoginSessions>(address(place));
  if (error) return <Failure error={error} again={again} />;
  return (
    <Card title={of === 'own' ? 'Where you are logged in' : 'Sessions'} flush>
      <Scroll label="Sessions">
        <table>
          <thead><tr>{of === 'all' && <th>User</th>}<th>Browser</th><th>From</th><th class="wide">Began</th><th>Last used</th><th /></tr></thead>
          <tbody>
            {data?.sessions.map((each) => (
              <tr key={each.id}>
                {of === 'all' && <th scope="row">{each.name}</th>}
                <td class="break">{each.agent || 'unknown'}{each.current && <strong> – this one</strong>}</td>
                <td class="mono">{each.address}</td>
                <td class="wide number">{dateTime(each.created)}</td>
                <td class="number">{dateTime(each.seen)}</td>
                <td class="end"><Sure label="End" ask="End it?" act={async () => { await send('DELETE', `${place}/${each.id}`); again(); }} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}

function Mine() {
  const { data, error, again } = useAsk<Account>(session.value?.user?.how === 'proxy' ? null : address('/account'));
  const user = session.value?.user;
  if (error) return <Failure error={error} again={again} />;
  return (
    <>
      <Card title="You">
        <p>
          <strong>{user?.name}</strong>, {user?.role}
          {user?.domains ? <>, for the mail of {user.domains.join(', ')}</> : ', for the mail of all domains'}
          {user?.blurred && '; addresses are shown without their local parts'}.
        </p>
        {user?.how === 'session' ? <button type="button" class="button" onClick={() => logOut()}>Log out</button> : <p class="muted">You are logged in by the proxy before Mailvane.</p>}
      </Card>
      {data && (
        <div class="pair">
          <Password />
          <Codes account={data} again={again} />
        </div>
      )}
      {data && <Sessions of="own" />}
    </>
  );
}

function Nobody() {
  return (
    <Card title="There are no users yet">
      <p>Everybody on this machine may look, and nobody from elsewhere. To let people in from elsewhere, or to tell them apart, make an administrator: by the one-time link that <code>mailvane serve</code> printed when it started, or on the command line:</p>
      <pre><code>mailvane user add NAME --role administrator</code></pre>
    </Card>
  );
}

export function Settings({ at }: { at: string }) {
  const tabs = TABS.filter((tab) => !tab.only || isAdministrator.value);
  const known = tabs.find((tab) => tab.path === at);
  const isNobody = session.value?.access === 'open';
  return (
    <>
      <PageHead title="Settings" />
      {!isNobody && (
        <nav class="nav tabs" aria-label="Settings">
          {tabs.map((tab) => <a key={tab.path} href={tab.path} aria-current={path.value === tab.path ? 'page' : undefined}>{tab.label}</a>)}
        </nav>
      )}
      <div class="stack">
        {isNobody ? <Nobody />
          : !known ? <Empty title="Nothing for you here">Administrators see more. <a href="/settings">Your account</a></Empty>
          : at === '/settings/tokens' ? <Tokens />
          : at === '/settings/users' ? <Users />
          : at === '/settings/sessions' ? <Sessions of="all" />
          : at === '/settings/audit' ? <Audit />
          : <Mine />}
      </div>
    </>
  );
}
