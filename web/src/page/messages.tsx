// Messages: search and list, refused attempts beside messages, newest first.
import type { Item, Messages as Answer, Searched } from '../api';
import { address } from '../client';
import { windowParameters } from '../filters';
import { bytes, clock, count, dateTime, day, visible } from '../format';
import { refresh } from '../live';
import { change, link, query } from '../location';
import { Choice } from '../part/choice';
import { type Column, Export } from '../part/export';
import { FilterChips } from '../part/filter-chips';
import { Badge, Card, Empty, Failure } from '../part/pieces';
import { RangeMenu } from '../part/range-menu';
import { SearchBox } from '../part/search-box';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';
import { readRange, spanRange } from '../range';
import { DIRECTIONS, POPULATIONS } from '../words';

const STATUSES: ReadonlyArray<readonly [string, string]> = [
  ['', 'Any status'],
  ['delivered,relayed', 'Delivered'],
  ['failed', 'Failed'],
  ['bounced', 'Bounced'],
  ['expired', 'Expired'],
  ['open', 'In the queue'],
  ['had_deferral', 'Ever deferred'],
  ['held', 'On hold'],
  ['refused', 'Refused at the door'],
  ['refused_for_good', 'Refused for good'],
  ['refused_for_now', 'Refused for now'],
  ['rejected', 'Rejected after the queue id'],
  ['discarded,deleted', 'Discarded or deleted'],
  ['lost', 'Connection lost'],
];

function recipients(item: Item): string {
  const [first] = item.recipients;
  if (!first) return item.kind === 'message' ? 'recipient unknown' : 'no recipient named';
  return item.recipient_count > 1 ? `${first} and ${item.recipient_count - 1} more` : first;
}

function Row({ item }: { item: Item }) {
  return (
    <li>
      <a class="item" href={`/messages/${item.id}`}>
        <time class="when number" dateTime={item.time}>{clock(item.time)}</time>
        <span><Badge status={item.status} /></span>
        <span class="who">
          {visible(item.sender ?? (item.client_name && item.client_name !== 'unknown' ? item.client_name : item.client_ip) ?? 'unknown sender')}
          {' '}<span class="arrow"><span aria-hidden="true">→</span><span class="visually-hidden">to</span></span>{' '}
          {visible(recipients(item))}
          <span class="muted meta small"> {item.size !== null && bytes(item.size)}{item.attempts > 1 && ` · ${item.attempts} tries`}</span>
        </span>
        <span class="what">{visible(item.sentence)}</span>
      </a>
    </li>
  );
}

/** Items in order, with the day said once where it changes. */
function groupByDay(items: readonly Item[]): Array<{ day: string; items: Item[] }> {
  const groups: Array<{ day: string; items: Item[] }> = [];
  for (const item of items) {
    const name = day(item.time);
    const last = groups.at(-1);
    if (last?.day === name) last.items.push(item);
    else groups.push({ day: name, items: [item] });
  }
  return groups;
}

function NothingFound({ searched }: { searched: Searched }) {
  const wide = searched.data_from && Date.parse(searched.since) <= Date.parse(searched.data_from);
  return (
    <Empty title="Nothing found">
      <p>{searched.sentence}</p>
      <p class="small">
        Searched {searched.sources.join(', ') || 'no source'}, {dateTime(searched.since)} – {dateTime(searched.until)}
        {searched.data_from && <>; the oldest data kept are from {dateTime(searched.data_from)}</>}.
      </p>
      {!wide && <p><button type="button" class="button" onClick={() => change({ ...spanRange('90d') })}>Search the last 90 days</button></p>}
    </Empty>
  );
}

function List({ data }: { data: Answer }) {
  if (data.items.length === 0) return <NothingFound searched={data.searched} />;
  return (
    <>
      {groupByDay(data.items).map((group) => (
        <section key={group.day} aria-label={group.day}>
          <h3 class="day">{group.day}</h3>
          <ul class="items">{group.items.map((item) => <Row key={item.id} item={item} />)}</ul>
        </section>
      ))}
      <div class="inset row spread">
        <span class="muted small">{count(data.items.length)} shown{data.next_cursor ? ', there are more' : ', no more in this range'}</span>
        <span class="row">
          {query.value.get('cursor') && <a class="button" href={link('/messages', { cursor: null }, query.value)}>Newest</a>}
          {data.next_cursor && <a class="button" href={link('/messages', { cursor: data.next_cursor }, query.value)}>Older</a>}
        </span>
      </div>
    </>
  );
}

const COLUMNS: ReadonlyArray<Column<Item>> = [
  { name: 'time', value: (item) => item.time },
  { name: 'kind', value: (item) => item.kind },
  { name: 'status', value: (item) => item.status },
  { name: 'sender', value: (item) => item.sender },
  { name: 'recipients', value: (item) => item.recipients.join(' ') },
  { name: 'recipient_count', value: (item) => item.recipient_count },
  { name: 'client_name', value: (item) => item.client_name },
  { name: 'client_ip', value: (item) => item.client_ip },
  { name: 'direction', value: (item) => item.direction },
  { name: 'provider', value: (item) => item.provider },
  { name: 'reason', value: (item) => item.reason },
  { name: 'reply', value: (item) => item.reply_text },
  { name: 'delay_s', value: (item) => item.delay_s },
  { name: 'queue_id', value: (item) => item.queue_id },
  { name: 'message_id', value: (item) => item.message_id },
  { name: 'id', value: (item) => item.id },
  { name: 'sentence', value: (item) => item.sentence },
];

export function Messages() {
  const at = query.value;
  const range = readRange(at, '7d');
  const cursor = at.get('cursor');
  const parameters = { ...windowParameters(at, range), q: at.get('q'), status: at.get('status'), kind: at.get('kind'), cursor };
  // Older pages stand still while one reads.
  const turn = range.moving && !cursor ? refresh.value : 0;
  const { data, error, again, loading } = useAsk<Answer>(address('/messages', parameters), turn);
  const status = at.get('status') ?? '';
  const statuses = STATUSES.some(([value]) => value === status) ? STATUSES : [...STATUSES, [status, status] as const];
  return (
    <>
      <PageHead title="Messages" controls={<RangeMenu range={range} />}>
        <p class="muted">Messages and refused attempts in one list, newest first. “Where is the mail from X?” starts here.</p>
      </PageHead>
      <div class="search-row">
        <SearchBox live />
        <Choice name="status" label="Status" value={status} fallback="" options={statuses} />
        <Choice name="direction" label="Direction" value={at.get('direction') ?? 'all'} fallback="all" options={Object.entries(DIRECTIONS)} />
        <Choice name="population" label="Which mail" value={at.get('population') ?? 'all'} fallback="all" options={Object.entries(POPULATIONS)} />
      </div>
      <FilterChips />
      <div class="stack">
        {error && <Failure error={error} again={again} />}
        <Card title={at.get('q') ? `Hits for “${at.get('q')}”` : 'Newest'} note={data ? <>{dateTime(data.window.since)} – {dateTime(data.window.until)} <Export name="mailvane-messages" what="these messages" columns={COLUMNS} rows={data.items} /></> : ' '} flush stale={loading}>
          {data && <List data={data} />}
          {!data && !error && <div class="empty">Asking…</div>}
        </Card>
      </div>
    </>
  );
}
