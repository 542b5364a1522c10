// Asking the API: one function, one kind of failure.
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

async function refusal(response: Response): Promise<Refusal> {
  try {
    const { error } = (await response.json()) as ApiError;
    return new Refusal(response.status, error.code, error.message, error.hint);
  } catch {
    return new Refusal(response.status, 'internal', `The server answered ${response.status}.`, null);
  }
}
