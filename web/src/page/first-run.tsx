// The first ten minutes: what was found, how far reading is, and what is not permitted.
import type { Status } from '../api';
import { Meter } from '../part/pieces';
import { bytes, count, dateTime, percent } from '../format';

function names(status: Status): string {
  return status.software.map((each) => `${each.mta === 'postfix' ? 'Postfix' : each.mta} ${each.version ?? ''} (${each.host})`.replace('  ', ' ')).join(', ');
}

export function Problems({ status }: { status: Status }) {
  if (status.problems.length === 0) return null;
  return (
    <>
      {status.problems.map((problem) => (
        <div class="note wait" key={problem.message}>
          <span><strong>{problem.message}</strong>{problem.hint && <> – <code>{problem.hint}</code></>}</span>
        </div>
      ))}
    </>
  );
}

export function FirstRun({ status }: { status: Status }) {
  if (status.state === 'no_source') {
    return (
      <section class="card first-run">
        <h2>No mail log to read yet</h2>
        <p>Mailvane found no log of a mail server that it may read. {status.problems.length > 0 ? 'This stands in the way:' : 'Tell it where the log is:'}</p>
        <Problems status={status} />
        <pre><code>mailvane serve /var/log/mail.log</code></pre>
        <p class="muted">The page fills by itself as soon as lines arrive. To look around first: <code>mailvane demo</code>.</p>
      </section>
    );
  }
  const first = status.reading[0];
  return (
    <section class="card first-run" aria-label="First reading">
      <h2>Reading the history of this server</h2>
      <p>
        {status.software.length > 0 && <>Found {names(status)}. </>}
        Reading {count(status.reading.length)} {status.reading.length === 1 ? 'file' : 'files'}
        {status.data_from && <> from {dateTime(status.data_from)}</>}, <b class="number">{percent(status.progress)}</b> done,{' '}
        <b class="number">{count(status.messages)}</b> messages so far, <span class="number">{count(Math.round(status.lines_per_s))} lines/s</span>.
      </p>
      <Meter value={status.progress} label="History read" />
      {first && (
        <p class="muted small number">
          {first.name}: {bytes(first.read)} of {bytes(first.bytes)}{first.time_reached && <>, reached {dateTime(first.time_reached)}</>}
        </p>
      )}
      <p class="muted">The figures below are complete to the time reached and grow while you watch. The page stands at {status.listen}; from your desk: <code>ssh -L {status.listen.split(':').at(-1)}:127.0.0.1:{status.listen.split(':').at(-1)} {status.software[0]?.host ?? 'host'}</code></p>
    </section>
  );
}
