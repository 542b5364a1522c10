// A question to the API as a hook: the last answer stays while the next one is on its way, so nothing jumps.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, type Refusal } from './client';

export interface Answer<Data> {
  /** The newest answer, possibly to the question before. */
  data: Data | null;
  error: Refusal | null;
  /** Whether `data` does not answer the question yet. */
  loading: boolean;
  again: () => void;
}

/** After a failure the question is put again by itself. */
const RETRY_MS = 5000;

/** Asks `url` (null: nothing to ask), again whenever `turn` changes. */
export function useAsk<Data>(url: string | null, turn: number = 0): Answer<Data> {
  const [state, setState] = useState<{ url: string | null; data: Data | null; error: Refusal | null }>({ url: null, data: null, error: null });
  const [tries, setTries] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (url === null) return;
    const control = new AbortController();
    ask<Data>(url, control.signal).then(
      (data) => setState({ url, data, error: null }),
      (error: Refusal) => {
        if (control.signal.aborted) return;
        setState((was) => ({ url, data: was.url === url ? was.data : null, error }));
        // What was asked wrongly stays wrong; all else may pass.
        if (error.status === 0 || error.status >= 500) timer.current = setTimeout(() => setTries((n) => n + 1), RETRY_MS);
      },
    );
    return () => {
      control.abort();
      clearTimeout(timer.current);
    };
  }, [url, turn, tries]);
  return { data: state.data, error: state.error, loading: url !== null && state.url !== url, again: () => setTries((n) => n + 1) };
}
