// One reply of the page Failures: a line, and opened what it means, what to do, and who got it.
import { useState } from 'preact/hooks';
import type { FailureGroup } from '../api';
import { ago, count, dateTime, visible } from '../format';
import { now } from '../live';
import { link, query } from '../location';
import { Advice } from '../part/advice';
import { Spark } from '../part/spark';
import { carryRange } from '../range';
import { reasonLabel } from '../words';

type Sample = FailureGroup['samples'][number];

/** What the reply names beside its meaning. */
function Quoted({ samples }: { samples: readonly Sample[] }) {
  const all = samples.map((sample) => sample.quoted);
  const once = (values: ReadonlyArray<string | null>) => [...new Set(values.filter((value) => value !== null))].join(', ');
  const facts: ReadonlyArray<readonly [string, string]> = [
    ['Our address as they saw it', once(all.flatMap((each) => each.ips))],
    ['The list it names', once(all.map((each) => each.list))],
    ['Their id of it', once(all.map((each) => each.ticket))],
  ];
  const known = facts.filter(([, value]) => value);
  if (known.length === 0) return null;
  return <dl class="facts">{known.map(([name, value]) => <div key={name}><dt>{name}</dt><dd class="break">{value}</dd></div>)}</dl>;
}

function Samples({ samples }: { samples: readonly Sample[] }) {
  return (
    <ul class="samples">
      {samples.map((sample) => (
        <li key={`${sample.time}${sample.id}${sample.recipient}`}>
          <span class="number muted">{dateTime(sample.time)}</span>{' '}
          {sample.id ? <a href={`/messages/${sample.id}`}>{sample.recipient ?? 'a message'}</a> : sample.recipient}
          <code class="break">{visible(sample.reply)}</code>
        </li>
      ))}
    </ul>
  );
}

function Details({ group }: { group: FailureGroup }) {
  const { explanation } = group.verdict;
  const filters = { provider: group.provider ?? 'none', reason: group.reason, direction: query.value.get('direction'), population: query.value.get('population'), ...carryRange(query.value) };
  return (
    <div class="failure-body">
      <div class="prose">{explanation && <Advice of={explanation} />}</div>
      <div>
        <Quoted samples={group.samples} />
        <h3>The newest</h3>
        <Samples samples={group.samples} />
        <p class="small">
          <a href={link('/messages', filters)}>All messages with this reason there</a>{' · '}
          <a href={link('/deliveries', { ...filters, by: 'domain', metric: 'bounced' })}>Deliveries</a>
        </p>
        <p class="small muted">
          First seen {dateTime(group.first)}. {group.verdict.rule ? <>Rule <code>{group.verdict.rule}</code>, confidence {group.verdict.confidence} %.</> : 'No rule names it yet: a rule of your own can.'}
          {group.suspended > 0 && ` ${count(group.suspended)} tries contacted nobody: the destination was suspended.`}
        </p>
      </div>
    </div>
  );
}

export function GroupRow({ group }: { group: FailureGroup }) {
  const [open, setOpen] = useState(false);
  const where = group.provider_name ?? group.provider ?? 'no host reached';
  return (
    <section class={`failure${open ? ' open' : ''}`}>
      <button type="button" class="failure-line" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="what">
          <strong>{group.verdict.explanation?.title ?? reasonLabel(group.reason)}</strong> <span class="muted">at {where}</span>
          <code class="break">{visible(group.template)}</code>
        </span>
        <span class="end number"><span class="label">Recipients </span>{count(group.recipients)}</span>
        <span class="end number"><span class="label">Bounced </span>{count(group.bounced)}</span>
        <span class="end number"><span class="label">Put off </span>{count(group.deferred)}</span>
        <span class="spark"><Spark values={group.trend} colour={group.bounced > group.deferred ? '--bounced' : '--deferred'} /></span>
        <span class="end number" title={dateTime(group.last)}>{ago(group.last, now.value).replace(' ago', '')}</span>
      </button>
      {open && <Details group={group} />}
    </section>
  );
}
