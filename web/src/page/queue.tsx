// The queue: as the mail server lists it, as the log tells it, how it has been, and what will expire.
import type { ListedGroup, ListedQueue, LiveQueue } from '../api';
import { address } from '../client';
import { bytes, count, dateTime, duration, percent } from '../format';
import { now, refresh } from '../live';
import { link } from '../location';
import { Card, Copy, Empty, Failure, Meter } from '../part/pieces';
import { Scroll } from '../part/scroll';
import { PageHead } from '../part/shell';
import { Spark } from '../part/spark';
import { useAsk } from '../query';
import { reasonLabel } from '../words';
import { QueueCard } from './overview-queue';

/** Nothing in a queue is older, in seconds. */
const LONGEST = 90 * 86_400;

function ageLabel(under: number | null, before: number): string {
  return under === null ? `${duration(before)} and more` : `under ${duration(under)}`;
}

/** The states in which the log knows what lies in a queue of the mail server. */
const QUEUES: Partial<Record<string, string>> = { deferred: 'deferred', hold: 'held', incoming: 'queued', maildrop: 'queued' };

function Depth({ live, listed }: { live: LiveQueue; listed: ListedQueue }) {
  const drain = live.drain_per_s;
  return (
    <Card title="As the mail server lists it" note={<>at {dateTime(live.as_of)}{!listed.complete && '; longer than what was read'}</>}>
      <dl class="facts">
        <div><dt>Messages</dt><dd><a href={link('/messages', { status: 'open', range: '90d' })}>{count(listed.messages)}</a> <small>{bytes(listed.bytes)}</small></dd></div>
        <div><dt>Recipients waiting</dt><dd><a href={link('/messages', { status: 'open', range: '90d' })}>{count(listed.recipients)}</a></dd></div>
        {listed.queues.filter((queue) => queue.messages > 0).map((queue) => <div key={queue.queue}><dt>{queue.queue}</dt><dd><a href={link('/messages', { status: QUEUES[queue.queue] ?? 'open', range: '90d' })}>{count(queue.messages)}</a> <small>{count(queue.recipients)} recipients</small></dd></div>)}
        <div><dt>Oldest that waits</dt><dd>{duration(listed.oldest_s)}</dd></div>
        <div><dt>Notices to senders</dt><dd><a href={link('/messages', { status: 'open', population: 'notification', range: '90d' })}>{count(listed.notices)}</a></dd></div>
        {drain !== null && <div><dt>{drain >= 0 ? 'Drains by' : 'Grows by'}</dt><dd>{count(Math.round(Math.abs(drain) * 3600))} <small>recipients an hour</small></dd></div>}
        {live.empty_in_s !== null && <div><dt>Empty in</dt><dd>{duration(live.empty_in_s)}</dd></div>}
      </dl>
      {live.history.length > 2 && <div class="queue-history" title="Recipients waiting, over the last day"><Spark values={live.history.map((look) => look.recipients)} colour="--wait" /></div>}
    </Card>
  );
}

/** What is in the queue and arrived between two ages before now, in seconds. */
function arrived(oldest: number | null, youngest: number, more: Record<string, string> = {}): string {
  const at = (age: number) => new Date(now.value - age * 1000).toISOString();
  return link('/messages', { status: 'open', since: at(oldest ?? LONGEST), until: youngest > 0 ? at(youngest) : null, ...more });
}

function Ages({ listed }: { listed: ListedQueue }) {
  const most = Math.max(1, ...listed.ages.map((age) => age.messages));
  return (
    <Card title="How old" flush>
      <Scroll label="Messages by age">
        <table>
          <thead><tr><th scope="col">Age</th><th scope="col" class="end">Messages</th><th scope="col" class="wide"><span class="visually-hidden">Share</span></th></tr></thead>
          <tbody>
            {listed.ages.map((age, place) => (
              <tr key={age.under_s ?? 'more'}>
                <th scope="row">{ageLabel(age.under_s, listed.ages[place - 1]?.under_s ?? 0)}</th>
                <td class="end number"><a href={arrived(age.under_s, listed.ages[place - 1]?.under_s ?? 0)}>{count(age.messages)}</a></td>
                <td class="wide"><Meter value={age.messages / most} label={`${count(age.messages)} messages`} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}

function Forecast({ listed, forecast }: { listed: ListedQueue; forecast: LiveQueue['forecast'] }) {
  const last = listed.expiring.at(-1);
  return (
    <Card title="What will come back" note={`Mail goes back to its sender after ${duration(listed.lifetime_s)}`} flush>
      {!last || last.messages === 0 ? <Empty title="Nothing within a day">No message in the queue is that old.</Empty> : (
        <Scroll label="What will come back"><table>
          <thead><tr><th scope="col">Unless accepted within</th><th scope="col" class="end">Messages</th></tr></thead>
          <tbody>{listed.expiring.map((each) => <tr key={each.within_s}><th scope="row">{duration(each.within_s)}</th><td class="end number"><a href={arrived(null, Math.max(0, listed.lifetime_s - each.within_s))}>{count(each.messages)}</a></td></tr>)}</tbody>
        </table></Scroll>
      )}
      {forecast.length > 0 && (
        <Scroll label="For whom"><table>
          <thead><tr><th scope="col">Within a day, for</th><th scope="col" class="end">Messages</th><th scope="col" class="end">Accepted in the last hour</th><th scope="col" class="end">Come back if that stays</th></tr></thead>
          <tbody>{forecast.map((each) => (
            <tr key={each.domain}>
              <th scope="row"><a href={waiting(each.domain)}>{each.domain}</a></th>
              <td class="end number">{count(each.expiring)}</td>
              <td class="end number">{each.acceptance.value === null ? '–' : <>{percent(each.acceptance.value)} <span class="muted small">of {count(each.acceptance.n)}</span></>}</td>
              <td class="end number">{count(each.expected)}</td>
            </tr>
          ))}</tbody>
        </table></Scroll>
      )}
    </Card>
  );
}

function waiting(domain: string): string {
  return link('/messages', { status: 'open', domain, range: '90d' });
}

function Listed({ title, groups, name, to }: { title: string; groups: ListedGroup[]; name: (group: ListedGroup) => string; to: (group: ListedGroup) => string }) {
  const most = Math.max(1, ...groups.map((group) => group.recipients));
  return (
    <Card title={title} flush>
      {groups.length === 0 ? <Empty title="None">Nothing waits, or the listing does not say why.</Empty> : (
        <Scroll label={title}><table>
          <thead><tr><th scope="col">{title}</th><th scope="col" class="end">Recipients</th><th scope="col" class="wide"><span class="visually-hidden">Share</span></th><th scope="col" class="end">Oldest</th></tr></thead>
          <tbody>{groups.slice(0, 10).map((group) => (
            <tr key={group.key}>
              <th scope="row"><a href={to(group)}>{name(group)}</a></th>
              <td class="end number"><a href={to(group)}>{count(group.recipients)}</a></td>
              <td class="wide"><Meter value={group.recipients / most} label={`${count(group.recipients)} recipients`} /></td>
              <td class="end number">{duration(group.oldest_s)}</td>
            </tr>
          ))}</tbody>
        </table></Scroll>
      )}
    </Card>
  );
}

function Destinations({ listed }: { listed: ListedQueue }) {
  return (
    <Card title="Waiting for" flush>
      {listed.destinations.length === 0 ? <Empty title="Nobody">Nothing waits.</Empty> : (
        <Scroll label="Destinations">
          <table>
            <thead><tr><th scope="col">Domain</th><th scope="col" class="end">Recipients</th><th scope="col" class="end wide">Messages</th><th scope="col" class="end">Oldest</th><th scope="col" class="end wide">Expire in a day</th></tr></thead>
            <tbody>
              {listed.destinations.map((each) => (
                <tr key={each.domain}>
                  <th scope="row"><a href={waiting(each.domain)}>{each.domain}</a>{each.reason && <div class="muted small">{reasonLabel(each.reason)}: <span class="break">{each.reply}</span></div>}</th>
                  <td class="end number"><a href={waiting(each.domain)}>{count(each.recipients)}</a></td>
                  <td class="end number wide"><a href={waiting(each.domain)}>{count(each.messages)}</a></td>
                  <td class="end number">{duration(each.oldest_s)}</td>
                  <td class="end number wide"><a href={arrived(null, Math.max(0, listed.lifetime_s - 86_400), { domain: each.domain })}>{count(each.expiring)}</a></td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Card>
  );
}

export function Queue() {
  const { data, error, again } = useAsk<LiveQueue>(address('/queue/live'), refresh.value);
  return (
    <>
      <PageHead title="Queue"><p class="muted">Nothing here changes the queue. To act, copy a command to a terminal of the server.</p></PageHead>
      <div class="stack">
        {error && <Failure error={error} again={again} />}
        {data?.problem && <div class="note wait">The mail server could not be asked: {data.problem}. What follows is inferred from the log.</div>}
        {data?.listed && (
          <>
            <Depth live={data} listed={data.listed} />
            <div class="halves"><Ages listed={data.listed} /><Forecast listed={data.listed} forecast={data.forecast} /></div>
            <div class="halves">
              <Listed title="Providers" groups={data.listed.providers} name={(group) => group.label || 'No host named'} to={(group) => link('/messages', { status: 'open', range: '90d', ...(group.key ? { provider: group.key } : {}) })} />
              <Listed title="Causes" groups={data.listed.causes} name={(group) => reasonLabel(group.key)} to={(group) => link('/messages', { status: 'open', range: '90d', reason: group.key })} />
            </div>
            <Destinations listed={data.listed} />
          </>
        )}
        <QueueCard />
        <Card title="Commands">
          <ul class="commands">
            {['postqueue -p', 'postqueue -i QUEUE-ID', 'postsuper -h QUEUE-ID', 'postcat -vq QUEUE-ID'].map((command) => <li key={command}><code>{command}</code> <Copy text={command} label="Copy" /></li>)}
          </ul>
        </Card>
      </div>
    </>
  );
}
