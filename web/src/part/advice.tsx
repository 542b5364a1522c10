// What a reason means and what to do: the cause, who must act, the steps, where to read on, and what to tell the sender.
import type { Explanation } from '../api';
import { Copy } from './pieces';

/** Only links to the web are made links: nothing that strangers wrote is among them. */
function Links({ links }: { links: readonly string[] }) {
  const known = links.filter((each) => each.startsWith('https://'));
  if (known.length === 0) return null;
  return (
    <p class="small">
      Read on:{' '}
      {known.map((each, index) => <span key={each}>{index > 0 && ', '}<a class="break" href={each} target="_blank" rel="noreferrer">{each.replace('https://', '')}</a></span>)}
    </p>
  );
}

export function Advice({ of: { cause, act, fix, links, tell_sender: tell } }: { of: Explanation }) {
  return (
    <>
      <p>{cause} {act}</p>
      {fix.length > 0 && <><h3>What to do</h3><ol class="steps">{fix.map((step) => <li key={step}>{step}</li>)}</ol></>}
      <Links links={links} />
      {tell && <><h3>Tell the sender</h3><p>{tell}</p><Copy text={tell} label="Copy these words" /></>}
    </>
  );
}
