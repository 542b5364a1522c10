// Notices: what was told to whom, by which routes, and what each answered.
import type { AlertNotice, AlertNotices as Answer } from '../api';
import { address } from '../client';
import { dateTime, duration } from '../format';
import { refresh } from '../live';
import { Card, Empty, Failure } from '../part/pieces';
import { useAsk } from '../query';
import { Severity } from './alerts';

const STANDING: Record<AlertNotice['standing'], { label: string; tone: string; glyph: string }> = {
  waiting: { label: 'waits', tone: 'wait', glyph: '…' },
  sending: { label: 'being sent', tone: 'wait', glyph: '→' },
  accepted: { label: 'accepted', tone: 'good', glyph: '✓' },
  delivered: { label: 'delivered', tone: 'good', glyph: '✓' },
  given_up: { label: 'given up', tone: 'bad', glyph: '✕' },
};

function Row({ notice }: { notice: AlertNotice }) {
  const look = STANDING[notice.standing];
  return (
    <li>
      <div class="spread">
        <span><Severity word={notice.severity} /> <strong class="break">{notice.title}</strong> <span class="muted">({notice.kind}) to {notice.receiver}</span></span>
        <span class="muted small number">{dateTime(notice.made)}</span>
      </div>
      <div><span class={`badge ${look.tone}`}><span class="glyph" aria-hidden="true">{look.glyph}</span>{look.label}</span></div>
      <ul class="points small">
        {notice.tries.map((tried) => <li key={tried.at + tried.reply}><span class="number muted">{dateTime(tried.at)}</span> {tried.route && <>{tried.route}: </>}<strong>{tried.said}</strong> {tried.took_s > 0 && <span class="muted">after {duration(tried.took_s)}</span>} <span class="break">{tried.reply}</span></li>)}
      </ul>
    </li>
  );
}

export function Notices() {
  const { data, error, again } = useAsk<Answer>(address('/alerts/notices'), refresh.value);
  if (error) return <Failure error={error} again={again} />;
  return (
    <Card title="Notices of the last week" note="Accepted is not arrived: delivered is what the log of this server has seen" flush>
      {data?.notices.length === 0 ? <Empty title="None">Nobody was told anything.</Empty> : <ul class="samples">{data?.notices.map((notice) => <Row key={notice.id + notice.receiver} notice={notice} />)}</ul>}
    </Card>
  );
}
