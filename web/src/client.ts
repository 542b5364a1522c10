// Asking the API: one function to ask, one to change, one kind of failure.
import { signal } from '@preact/signals';
import type { ApiError } from './api';

const BASE = '/api/v1';

/** Why a question was not answered, in words for the page. */
export class Refusal extends globalThis.Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null,
  ) {
    super(message);
  }
}

/** Grows when the server no longer knows who we are: the session ended, or users came to be. */
export const unknown = signal(0);
/** What proves that a change comes from a page of ours (see `session.ts`). */
export const proof = signal<string | null>(null);

export type Parameters = Record<string, string | number | null | undefined>;

/** The path and query of a question; parameters without a value are left out. */
export function address(path: string, parameters: Parameters = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return `${BASE}${path}${text ? `?${text}` : ''}`;
}

/** Asks the API. Fails with a `Refusal`, or with an `AbortError` when `signal` was used. */
export async function ask<Answer>(url: string, signal?: AbortSignal): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, { headers: { accept: 'application/json' }, ...(signal ? { signal } : {}) });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Refusal(0, 'unreachable', 'Mailvane does not answer.', 'Is `mailvane serve` still running? The page tries again by itself.');
  }
  if (response.ok) return (await response.json()) as Answer;
  throw await refusal(response);
}

/** Changes something. An empty answer is null. */
export async function send<Answer = null>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(address(path), {
      method,
      headers: { accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}), ...(proof.value ? { 'x-mailvane-csrf': proof.value } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  } catch {
    throw new Refusal(0, 'unreachable', 'Mailvane does not answer.', 'Nothing was changed. Is `mailvane serve` still running?');
  }
  if (response.status === 204) return null as Answer;
  if (response.ok) return (await response.json()) as Answer;
  throw await refusal(response);
}

async function refusal(response: Response): Promise<Refusal> {
  try {
    const { error } = (await response.json()) as ApiError;
    if (error.code === 'login_required' || error.code === 'csrf') unknown.value += 1;
    return new Refusal(response.status, error.code, error.message, error.hint);
  } catch {
    return new Refusal(response.status, 'internal', `The server answered ${response.status}.`, null);
  }
}
