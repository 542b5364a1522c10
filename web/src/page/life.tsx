// The life of one message, hop by hop, or one refusal: what happened, in words and in the log's own lines.
import type { Attempt, Hop, Life as Answer, Line, RecipientState, Rejection, Related, Verdict } from '../api';
import { address } from '../client';
import { bytes, clock, count, dateClock, duration, ZONE, visible } from '../format';
import { refresh } from '../live';
import { link } from '../location';
import { Advice } from '../part/advice';
import { Badge, Card, Copy, Failure } from '../part/pieces';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';
import { handedLabel, plain, doorLabel, reasonLabel, statusLook, whoActs } from '../words';

function Dot({ status }: { status: string }) {
  const look = statusLook(status);
  return <span class={`dot ${look.tone}`} aria-hidden="true">{look.glyph}</span>;
}

/** A reply as it was spoken: `550 5.1.1 text`. */
export function replyText(reply: { reply_code: number | null; enhanced_code: string | null; reply_text: string | null }): string {
  const text = reply.reply_text ?? '';
  const codes = [reply.reply_code, reply.enhanced_code].filter((code) => code && !text.startsWith(String(code))).join(' ');
  // The text may begin with the codes already, as the far side said them.
  return text.startsWith(String(reply.reply_code ?? '\0')) ? text : `${codes} ${text}`.trim();
}

function relay(attempt: Attempt): string {
  if (!attempt.relay_host) return '';
  return `${attempt.relay_host}${attempt.relay_ip ? ` [${attempt.relay_ip}]` : ''}${attempt.relay_port ? `:${attempt.relay_port}` : ''}`;
}

function AttemptEntry({ attempt, many }: { attempt: Attempt; many: boolean }) {
  const reply = replyText(attempt);
  const facts = [
    relay(attempt) && `${attempt.handed_to === 'smarthost' ? 'smarthost ' : ''}${relay(attempt)}`,
    attempt.tls && `${attempt.tls.version}${attempt.tls.verification ? `, ${attempt.tls.verification}` : ''}`,
    attempt.delay_s !== null && `${duration(attempt.delay_s)} after arrival`,
    handedLabel(attempt.handed_to) && attempt.handed_to !== 'smarthost' && `to the ${handedLabel(attempt.handed_to)}`,
  ].filter(Boolean);
  return (
    <li>
      <Dot status={attempt.status} />
      <div class="spread">
        <span><strong>{attempt.status === 'deferred' ? 'put off' : statusLook(attempt.status).label}</strong>{many && <> · {attempt.recipient}</>} <span class="muted">try {attempt.attempt}</span></span>
        <time class="at" dateTime={attempt.time}>{dateClock(attempt.time)}</time>
      </div>
      <p class="break">{attempt.sentence}</p>
      {facts.length > 0 && <p class="muted small break">{facts.join(' · ')}</p>}
      {reply && !attempt.sentence.includes(attempt.reply_text ?? reply) && <p class="reply mono">{reply}</p>}
      {attempt.verdict && <p class="small muted">Means: {reasonLabel(attempt.verdict.reason)}{attempt.verdict.permanent ? ', final' : ', for now'}{!attempt.contacted && '; the far side was not asked'}</p>}
    </li>
  );
}

function HopEntry({ hop, index, total, many }: { hop: Hop; index: number; total: number; many: boolean }) {
  return (
    <section class="hop" aria-label={`Hop ${index + 1}`}>
      <div class="hop-head spread">
        <h3>{total > 1 ? `Hop ${index + 1} of ${total}: ` : ''}queue id <code>{hop.queue_id}</code></h3>
        <span class="muted small">{hop.mta} {hop.instance !== hop.mta && hop.instance} on {hop.host}</span>
      </div>
      <ol class="timeline">
        <li>
          <span class="dot calm" aria-hidden="true">↓</span>
          <div class="spread"><strong>arrived</strong><time class="at" dateTime={hop.arrived}>{dateClock(hop.arrived)}</time></div>
          <p class="break">{hop.sentence}</p>
          <p class="muted small break">
            {[hop.service && `service ${hop.service}`, hop.sasl_user && `user ${hop.sasl_user}`, hop.tls?.version, hop.size !== null && bytes(hop.size), hop.recipients !== null && `${count(hop.recipients)} ${hop.recipients === 1 ? 'recipient' : 'recipients'}`].filter(Boolean).join(' · ')}
          </p>
        </li>
        {hop.attempts.map((attempt) => <AttemptEntry key={attempt.id} attempt={attempt} many={many} />)}
        <li>
          <span class="dot calm" aria-hidden="true">{hop.removed ? '■' : '…'}</span>
          {hop.removed
            ? <div class="spread"><strong>left the queue</strong><time class="at" dateTime={hop.removed}>{dateClock(hop.removed)}</time></div>
            : <p><strong>still in the queue</strong>, as far as the log tells</p>}
        </li>
      </ol>
    </section>
  );
}

/** At our own door the advice to senders is of no use: only the cause is shown. */
function VerdictCard({ verdict, atOurDoor }: { verdict: Verdict; atOurDoor: boolean }) {
  const { explanation } = verdict;
  const facts = [verdict.scope !== 'unknown' && `about the ${verdict.scope}`, verdict.permanent ? 'final' : 'for now', verdict.retry ? 'a retry can succeed' : 'a retry cannot succeed', verdict.rule && `rule ${verdict.rule}`, `${verdict.confidence} % sure`].filter(Boolean);
  return (
    <Card title={atOurDoor ? 'Why' : 'What it means'}>
      <div class="verdict prose">
        <p><strong>{atOurDoor ? doorLabel(verdict.reason) : (explanation?.title ?? reasonLabel(verdict.reason))}</strong></p>
        {!atOurDoor && explanation && <Advice of={explanation} />}
        {!atOurDoor && !explanation && whoActs(verdict.fault) && <p>{whoActs(verdict.fault)}</p>}
        <p class="muted small">{facts.join(' · ')}</p>
      </div>
    </Card>
  );
}

function Recipients({ states }: { states: readonly RecipientState[] }) {
  return (
    <Card title={states.length === 1 ? 'Recipient' : `${count(states.length)} recipients`}>
      {states.map((state) => (
        <div class="recipient" key={state.recipient + (state.orig_recipient ?? '')}>
          <div class="spread"><strong class="break">{state.recipient}</strong><Badge status={state.outcome === 'queued' && state.deferrals > 0 ? 'deferred' : state.outcome === 'delivered' && state.handed_to === 'smarthost' ? 'relayed' : state.outcome} /></div>
          {state.orig_recipient && <p class="muted small break">addressed as {state.orig_recipient}</p>}
          {states.length > 1 && <p class="small break">{state.sentence}</p>}
          <p class="muted small">
            {[`${count(state.attempts)} ${state.attempts === 1 ? 'try' : 'tries'}`, state.deferrals > 0 && `${count(state.deferrals)} deferred`, state.delay_s !== null && `after ${duration(state.delay_s)}`, state.next_try && `next try about ${clock(state.next_try)}`, state.expires && `gives up ${dateClock(state.expires)}`].filter(Boolean).join(' · ')}
          </p>
        </div>
      ))}
    </Card>
  );
}

function RejectionCard({ rejection }: { rejection: Rejection }) {
  return (
    <Card title="What happened">
      <ol class="timeline">
        <li>
          <span class="dot calm" aria-hidden="true">↓</span>
          <div class="spread"><strong>connection from {rejection.client_name} [{rejection.client_ip}]</strong><time class="at" dateTime={rejection.time}>{dateClock(rejection.time)}</time></div>
          {rejection.helo && <p class="muted small break">called itself {rejection.helo}</p>}
        </li>
        <li>
          <Dot status="refused" />
          <p><strong>{rejection.action === 'defer' ? 'put off' : rejection.action === 'warn' ? 'warned' : rejection.action === 'reject' ? 'refused' : plain(rejection.action)}</strong> at {rejection.stage === 'end_of_message' ? 'the end of the message' : plain(rejection.stage).toUpperCase()}</p>
          <p class="reply mono">{replyText(rejection)}</p>
        </li>
      </ol>
    </Card>
  );
}

function Facts({ answer: { item, hops } }: { answer: Answer }) {
  const rows: Array<[string, string | null]> = [
    ['From', item.sender],
    ['To', item.recipient_count > 1 ? `${item.recipients.join(', ')}${item.recipient_count > item.recipients.length ? ` and ${item.recipient_count - item.recipients.length} more` : ''}` : (item.recipients[0] ?? null)],
    ['Arrived', dateClock(item.time)],
    ['Client', item.client_ip ? `${item.client_name ?? ''} [${item.client_ip}]`.trim() : item.client_name],
    ['User', item.sasl_user],
    ['Size', item.size === null ? null : `${bytes(item.size)}`],
    ['Direction', item.direction],
    ['Queue id', item.queue_id],
    ['Message-ID', item.message_id],
    ['Server', item.host],
    ['Hops', hops.length > 1 ? String(hops.length) : null],
  ];
  return (
    <Card title="Facts">
      <dl class="pairs">
        {rows.filter(([, value]) => value).map(([name, value]) => <><dt>{name}</dt><dd class={/id$/i.test(name) ? 'mono' : undefined}>{value}</dd></>)}
      </dl>
    </Card>
  );
}

function RelatedCard({ related }: { related: readonly Related[] }) {
  if (related.length === 0) return null;
  return (
    <Card title="Tied to it">
      {related.map((each) => (
        <div class="recipient" key={each.id + each.relation}>
          <div class="spread"><a href={`/messages/${each.id}`}>{each.relation === 'notification' ? 'Delivery notification' : 'The message it is about'}</a><Badge status={each.status} /></div>
          <p class="small break">{each.sentence}</p>
          <p class="muted small">{dateClock(each.time)} · <code>{each.queue_id}</code></p>
        </div>
      ))}
    </Card>
  );
}

const LINE_STATES: Record<Answer['lines_state'], string> = {
  complete: 'All of them, as they stand in the log',
  partial: 'Some of them are no longer in the log',
  pending: 'Being read from a compressed file…',
  gone: 'The log no longer holds them',
};

function Lines({ lines, state, note }: { lines: readonly Line[]; state: Answer['lines_state']; note: string | null }) {
  return (
    <Card title={`Log lines (${count(lines.length)})`} note={note ?? LINE_STATES[state]}>
      {lines.length > 0 && (
        <>
          <pre class="lines" tabIndex={0} aria-label="Log lines">{lines.map((line) => <code key={line.source + line.offset} title={`${line.source}, byte ${line.offset}`}>{visible(line.text)}</code>)}</pre>
          <p class="row small muted"><Copy text={`${lines.map((line) => line.text).join('\n')}\n`} label="Copy the lines" /> from {[...new Set(lines.map((line) => line.source))].join(', ')}</p>
        </>
      )}
    </Card>
  );
}

export function Life({ id }: { id: string }) {
  const { data, error, again } = useAsk<Answer>(address(`/messages/${encodeURIComponent(id)}`, { time_zone: ZONE }), refresh.value);
  if (error && !data) {
    return (
      <>
        <PageHead title="Message" />
        <Failure error={error} again={again} />
        <p><a href="/messages">Search the messages</a></p>
      </>
    );
  }
  if (!data) return <PageHead title="Message"><p class="muted">Asking…</p></PageHead>;
  const { item } = data;
  const verdict = data.rejection?.verdict ?? data.recipients.find((state) => state.verdict)?.verdict ?? null;
  return (
    <>
      <PageHead title={item.kind === 'message' ? 'Message' : item.kind === 'rejection' ? 'Refused attempt' : 'Connection'} controls={item.sender && item.sender !== '<>' ? <a class="button" href={link('/messages', { q: item.sender })}>More from this sender</a> : undefined}>
        <p class="muted break">{item.sender ?? 'unknown sender'} → {item.recipients[0] ?? 'no recipient named'}{item.recipient_count > 1 && ` and ${item.recipient_count - 1} more`}</p>
      </PageHead>
      <div class="stack">
        <section class="card sentence" aria-label="In one sentence">
          <Badge status={item.status} />
          <p>{item.sentence}</p>
          <Copy text={item.sentence} label="Copy the sentence" />
        </section>
        <div class="life">
          <div>
            {data.rejection && <RejectionCard rejection={data.rejection} />}
            {data.hops.length > 0 && (
              <Card title="What happened">
                {data.hops.map((hop, index) => <HopEntry key={hop.id} hop={hop} index={index} total={data.hops.length} many={data.recipients.length > 1} />)}
              </Card>
            )}
            <Lines lines={data.lines} state={data.lines_state} note={data.lines_note} />
          </div>
          <div>
            {verdict && <VerdictCard verdict={verdict} atOurDoor={data.rejection !== null} />}
            {data.recipients.length > 0 && <Recipients states={data.recipients} />}
            <Facts answer={data} />
            <RelatedCard related={data.related} />
          </div>
        </div>
      </div>
    </>
  );
}
