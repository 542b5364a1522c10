// Who is logged in. Until there is an administrator nobody has to be.
import { computed, effect, signal } from '@preact/signals';
import type { Session } from './api';
import { address, ask, proof, send, unknown } from './client';

export const session = signal<Session | null>(null);

/** Whether the pages may be shown: somebody is logged in, or nobody has to be. */
export const isIn = computed(() => session.value !== null && (session.value.access === 'open' || session.value.user !== null));
/** Whether alerts may be acknowledged and silenced. */
export const mayOperate = computed(() => session.value?.access === 'open' || ['operator', 'administrator'].includes(session.value?.user?.role ?? ''));
export const isAdministrator = computed(() => session.value?.user?.role === 'administrator');

function take(next: Session): void {
  proof.value = next.csrf;
  session.value = next;
}

export async function loadSession(): Promise<void> {
  take(await ask<Session>(address('/session')));
}

export async function logIn(name: string, password: string, code: string | null): Promise<void> {
  take(await send<Session>('POST', '/session', code ? { name, password, code } : { name, password }));
}

export async function setUp(secret: string, name: string, password: string): Promise<void> {
  take(await send<Session>('POST', '/setup', { secret, name, password }));
}

/** A change of the password renews the session. */
export async function changePassword(current: string, next: string): Promise<void> {
  take(await send<Session>('POST', '/account/password', { current, new: next }));
}

/** Logs out, and forgets all that the page holds. */
export async function logOut(): Promise<void> {
  await send('DELETE', '/session');
  location.assign('/');
}

/** The server does not know us (any more): asks it who we are. */
export function watchSession(): void {
  effect(() => {
    if (unknown.value > 0) loadSession().catch(() => undefined);
  });
}
