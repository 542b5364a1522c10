// Pieces of forms: a labelled field, what went wrong, a form that sends once, a button that asks twice.
import { type ComponentChildren, Fragment, type InputHTMLAttributes } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { Refusal } from '../client';

type FieldProps = InputHTMLAttributes<HTMLInputElement> & { label: string; hint?: string | undefined };

export function Field({ label, hint, ...input }: FieldProps) {
  const id = useId();
  return (
    <div class="form-field">
      <label for={id}>{label}</label>
      <input id={id} class="field" aria-describedby={hint ? `${id}-hint` : undefined} {...input} />
      {hint && <span id={`${id}-hint`} class="muted small">{hint}</span>}
    </div>
  );
}

export function Wrong({ error }: { error: Refusal | null }) {
  if (!error) return null;
  return (
    <div class="note bad" role="alert">
      <span><strong>{error.message}</strong>{error.hint && <> – {error.hint}</>}</span>
    </div>
  );
}

/** A form that sends what its fields hold, one time at a time; then it is empty again, unless it is to `keep` what it holds. */
export function Form({ label, send, children, plain, keep }: { label: string; send: (values: FormData) => Promise<void>; children?: ComponentChildren; plain?: boolean; keep?: boolean }) {
  const [error, setError] = useState<Refusal | null>(null);
  const [busy, setBusy] = useState(false);
  const [round, setRound] = useState(0);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy) return;
    const form = event.currentTarget as HTMLFormElement;
    const values = new FormData(form);
    setBusy(true);
    setError(null);
    try {
      await send(values);
      // Made anew rather than reset: a list falls back to what was chosen at first, and not to its first line.
      if (!keep) setRound((last) => last + 1);
    } catch (cause) {
      setError(cause as Refusal);
    }
    setBusy(false);
  };
  return (
    <form class={plain ? 'form plain' : 'form'} onSubmit={submit}>
      <Wrong error={error} />
      <Fragment key={round}>{children}</Fragment>
      <button type="submit" class="button primary" disabled={busy}>{label}</button>
    </form>
  );
}

/** A button for what cannot be taken back: the first press asks, the second does it. */
export function Sure({ label, ask, act }: { label: string; ask: string; act: () => Promise<void> }) {
  const [asked, setAsked] = useState(false);
  const [error, setError] = useState<Refusal | null>(null);
  const press = async () => {
    if (!asked) return setAsked(true);
    setAsked(false);
    try {
      await act();
    } catch (cause) {
      setError(cause as Refusal);
    }
  };
  return (
    <>
      <button type="button" class={asked ? 'button danger' : 'button'} onClick={press} onBlur={() => setAsked(false)}>{asked ? ask : label}</button>
      <Wrong error={error} />
    </>
  );
}

/** The words of a field; empty when it is not there. */
export function words(values: FormData, name: string): string {
  const value = values.get(name);
  return typeof value === 'string' ? value : '';
}
