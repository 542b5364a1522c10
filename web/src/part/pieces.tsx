// Small pieces that every page uses: badges, cards, empty and error states, the copy button.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Ratio } from '../api';
import type { Refusal } from '../client';
import { count, ratio } from '../format';
import { statusLook } from '../words';

export function Badge({ status }: { status: string }) {
  const look = statusLook(status);
  return (
    <span class={`badge ${look.tone}`}>
      <span class="glyph" aria-hidden="true">{look.glyph}</span>
      {look.label}
    </span>
  );
}

interface CardProps {
  title: string;
  /** Where links of the page lead. */
  id?: string;
  note?: ComponentChildren;
  /** Tables reach to the edges. */
  flush?: boolean;
  stale?: boolean;
  children: ComponentChildren;
}

export function Card({ title, id, note, flush, stale, children }: CardProps) {
  return (
    <section class={`card${flush ? ' flush' : ''}`} id={id}>
      <header>
        <h2>{title}</h2>
        {note !== undefined && <span class="muted small">{note}</span>}
      </header>
      <div class={stale ? 'stale' : undefined}>{children}</div>
    </section>
  );
}

/** Nothing to show: says so, and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export function Failure({ error, again }: { error: Refusal; again: () => void }) {
  return (
    <div class="note bad" role="alert">
      <div>
        <strong>{error.message}</strong> {error.hint}
      </div>
      <button type="button" class="button" onClick={again}>Try again</button>
    </div>
  );
}

/** A share with its sample size under it. */
export function Share({ of, heat }: { of: Ratio; heat?: 'hot' | 'warm' | undefined }) {
  return (
    <span class={`share number${heat ? ` ${heat}` : ''}`}>
      {ratio(of)}
      <small>{of.n > 0 ? `${count(of.numerator)} / ${count(of.n)}` : 'n = 0'}</small>
    </span>
  );
}

export function Meter({ value, label }: { value: number; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, value)) * 1000) / 10;
  return (
    <span class="meter" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <span style={{ width: `${percent}%` }} />
    </span>
  );
}

const COPIED_MS = 1600;

export function Copy({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle');
  const copy = async () => {
    setState((await toClipboard(text)) ? 'done' : 'failed');
    setTimeout(() => setState('idle'), COPIED_MS);
  };
  return (
    <button type="button" class="button" onClick={copy}>
      <span aria-live="polite">{state === 'idle' ? label : state === 'done' ? 'Copied' : 'Select and copy by hand'}</span>
    </button>
  );
}

/** The clipboard API exists on HTTPS and localhost only; a page reached by another name copies the old way. */
async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'visually-hidden';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
