// What wants somebody now, and what is not as it was: each line leads to the page that tells more.
import type { Attention, AttentionLine } from '../api';
import { ago, count, dateTime } from '../format';
import { now } from '../live';
import { Card, Failure } from '../part/pieces';
import type { Answer } from '../query';
import { measured } from '../words';

const LOOKS = {
  page: { tone: 'bad', glyph: '✕', word: 'Now' },
  ticket: { tone: 'wait', glyph: '!', word: 'Soon' },
  info: { tone: 'calm', glyph: 'i', word: 'Note' },
} as const;

/** Times inside sentences of the server are in UTC: the page writes them in the reader's zone. */
export function localTimes(text: string): string {
  return text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, (time) => dateTime(time));
}

function Line({ line }: { line: AttentionLine }) {
  const look = LOOKS[line.severity];
  return (
    <li>
      <span class={`badge ${look.tone}`}><span class="glyph" aria-hidden="true">{look.glyph}</span><span class="visually-hidden">{look.word}: </span></span>
      <div class="break">
        <a href={line.page}>{line.title}</a>
        {line.text && <span class="muted small"> {measured(line.text)}</span>}
      </div>
      {line.time && <time class="muted small number" dateTime={line.time} title={dateTime(line.time)}>{ago(line.time, now.value)}</time>}
    </li>
  );
}

function Lines({ lines, total }: { lines: readonly AttentionLine[]; total: number }) {
  return (
    <>
      <ul class="attention">{lines.map((line) => <Line key={line.kind + line.title} line={line} />)}</ul>
      {total > lines.length && <p class="muted small">and {count(total - lines.length)} more</p>}
    </>
  );
}

/** What is wrong now; one calm line when nothing is. */
function Wrong({ answer: { data, error, again } }: { answer: Answer<Attention> }) {
  const isCalm = data?.wrong.length === 0;
  return (
    <Card title="Wrong now" note={data && !isCalm ? `${count(data.wrong_total)} to look at` : ' '}>
      {error && !data && <Failure error={error} again={again} />}
      {data && data.looked_at.length === 0 && <p class="muted">Nothing was looked at yet: no rule and no probe has run.</p>}
      {data && data.looked_at.length > 0 && isCalm && <p role="status"><span class="badge good"><span class="glyph" aria-hidden="true">✓</span>Nothing is wrong</span></p>}
      {data && !isCalm && <Lines lines={data.wrong} total={data.wrong_total} />}
      {data && data.looked_at.length > 0 && <p class="muted small">Looked at: {data.looked_at.map(localTimes).join('; ')}.</p>}
    </Card>
  );
}

/** What changed in the window. */
function Changed({ answer: { data, loading } }: { answer: Answer<Attention> }) {
  const against = data?.compared_with && <>Volume against {dateTime(data.compared_with.since)} – {dateTime(data.compared_with.until)}</>;
  return (
    <Card title="What changed" note={data ? against ?? 'Too little was read to compare the volume' : ' '} stale={loading}>
      {data?.changed.length === 0 && <p class="muted">Nothing in this time: no record, no certificate, no new reason of failures{data.compared_with && ', and about as much mail as before'}.</p>}
      {data && data.changed.length > 0 && <Lines lines={data.changed} total={data.changed_total} />}
    </Card>
  );
}

/** Both beside each other. They keep their height, whatever comes and goes in them: what stands below must not move under a finger. */
export function Watch({ answer }: { answer: Answer<Attention> }) {
  return (
    <div class="watch">
      <Wrong answer={answer} />
      <Changed answer={answer} />
    </div>
  );
}
