// What is in flight now: how much, waiting for whom, how long.
import type { Queue, QueueGroup } from '../api';
import { address } from '../client';
import { ago, count, dateTime } from '../format';
import { now, refresh } from '../live';
import { link } from '../location';
import { Card, Empty, Failure } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { useAsk } from '../query';
import { reasonLabel } from '../words';

/** How many groups the card shows. */
const SHOWN = 6;

/** What waits may have come long ago. */
function rows(filters: Record<string, string>): string {
  return link('/messages', { ...filters, range: '30d' });
}

function Groups({ groups }: { groups: readonly QueueGroup[] }) {
  return (
    <Scroll label="Queue">
      <table>
        <thead><tr><th scope="col">Waiting for</th><th scope="col" class="end">Messages</th><th scope="col" class="end wide">Recipients</th><th scope="col" class="end">Oldest</th></tr></thead>
        <tbody>
          {groups.slice(0, SHOWN).map((group) => (
            <tr key={group.key}>
              <th scope="row">
                <a href={rows({ status: 'open', provider: group.key || 'none' })}>{group.label || 'not tried yet'}</a>
                <span class="muted small"> {group.top_reason && reasonLabel(group.top_reason)}</span>
              </th>
              <td class="end number"><a href={rows({ status: 'open', provider: group.key || 'none' })}>{count(group.messages)}</a></td>
              <td class="end number wide">{count(group.recipients)}</td>
              <td class="end number" title={dateTime(group.oldest)}>{ago(group.oldest, now.value).replace(' ago', '')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function QueueCard() {
  const { data, error, again } = useAsk<Queue>(address('/queue'), refresh.value);
  return (
    <Card title="In the queue now" note={data ? <>{data.method === 'inferred' ? 'Inferred from the log' : 'As the mail software lists it'}{data.complete_since && <>; messages from before {dateTime(data.complete_since)} may be missing</>}</> : ' '} flush>
      {error && !data && <Failure error={error} again={again} />}
      {!data && !error && <div class="placeholder" />}
      {data && (
        <dl class="facts inset">
          <div><dt>Messages</dt><dd><a href={rows({ status: 'open' })}>{count(data.messages)}</a> <small>{count(data.recipients)} recipients</small></dd></div>
          <div><dt>Waiting for a retry</dt><dd><a href={rows({ status: 'deferred' })}>{count(data.waiting)}</a></dd></div>
          <div><dt>New or being tried</dt><dd><a href={rows({ status: 'queued' })}>{count(data.being_tried)}</a></dd></div>
          <div><dt>On hold</dt><dd><a href={rows({ status: 'held' })}>{count(data.held)}</a></dd></div>
          <div><dt>Notifications</dt><dd><a href={rows({ status: 'open', population: 'notification' })}>{count(data.notifications)}</a></dd></div>
        </dl>
      )}
      {data && data.messages === 0 && <Empty title="The queue is empty">Everything that arrived has been dealt with.</Empty>}
      {data && data.by_provider.length > 0 && <Groups groups={data.by_provider} />}
    </Card>
  );
}
