// The door: logging in, and making the first administrator.
import { useEffect, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { Refusal } from '../client';
import { go } from '../location';
import { Field, Form, words } from '../part/form';
import { logIn, session, setUp } from '../session';

function Door({ title, children }: { title: string; children: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · Mailvane`;
  }, [title]);
  return (
    <main class="door" id="main">
      <p class="brand"><img src="/favicon.svg" alt="" width="24" height="24" />Mailvane</p>
      <section class="card">
        <h1 tabIndex={-1}>{title}</h1>
        {children}
      </section>
    </main>
  );
}

export function Login({ done }: { done: () => void }) {
  const [needsCode, setNeedsCode] = useState(false);
  const send = async (values: FormData) => {
    try {
      await logIn(words(values, 'name'), words(values, 'password'), words(values, 'code').trim() || null);
    } catch (cause) {
      if (cause instanceof Refusal && cause.code === 'code_needed') setNeedsCode(true);
      throw cause;
    }
    done();
  };
  return (
    <Door title="Log in">
      <Form label="Log in" send={send}>
        <Field label="Name" name="name" required autocomplete="username" autocapitalize="none" spellcheck={false} autofocus />
        <Field label="Password" name="password" type="password" required autocomplete="current-password" />
        {needsCode && <Field label="One-time code" name="code" required autocomplete="one-time-code" hint="From your app, or a recovery code." />}
      </Form>
      <p class="muted small">Nobody can send you a new password from here. An administrator can set one; on the server: <code>mailvane user password NAME</code></p>
    </Door>
  );
}

/** New passwords are typed twice. */
export function twice(values: FormData): string {
  const password = words(values, 'password');
  if (password !== words(values, 'again')) throw new Refusal(0, 'differ', 'The two passwords differ.', null);
  return password;
}

export function Setup({ done }: { done: () => void }) {
  // The secret is in the fragment, which browsers send to nobody.
  const [secret] = useState(() => location.hash.slice(1));
  const send = async (values: FormData) => {
    await setUp(secret, words(values, 'name'), twice(values));
    go('/', 'replace');
    done();
  };
  if (!session.value?.setup || !secret) {
    return (
      <Door title="Set up">
        <p>{session.value?.access === 'closed' ? 'There is an administrator already.' : 'This address lacks the one-time secret.'} Open the link that <code>mailvane serve</code> printed when it started, or use the command line:</p>
        <pre><code>mailvane user add NAME --role administrator</code></pre>
        <p><a href="/">To the overview</a></p>
      </Door>
    );
  }
  return (
    <Door title="Make the first administrator">
      <p>From then on everybody has to log in, and Mailvane may listen on other addresses than this machine’s own.</p>
      <Form label="Make the administrator" send={send}>
        <Field label="Name" name="name" required autocomplete="username" autocapitalize="none" spellcheck={false} />
        <Field label="Password" name="password" type="password" required minLength={session.value.password_min} autocomplete="new-password" hint={`At least ${session.value.password_min} characters.`} />
        <Field label="Password again" name="again" type="password" required autocomplete="new-password" />
      </Form>
    </Door>
  );
}
