// Logins one by one: the rows behind the numbers of the page Security.
import type { Logins as Found, SeenLogin } from '../api';
import { address } from '../client';
import { windowParameters } from '../filters';
import { count, dateTime } from '../format';
import { refresh } from '../live';
import { link, query } from '../location';
import { Choice } from '../part/choice';
import { type Column, Export } from '../part/export';
import { FilterChips } from '../part/filter-chips';
import { Card, Empty, Failure } from '../part/pieces';
import { RangeMenu } from '../part/range-menu';
import { Scroll } from '../part/scroll';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';
import { carryRange, readRange } from '../range';

/** Logins that are shown. */
const SHOWN = 200;
const RESULTS = [['all', 'All logins'], ['failed', 'Failed'], ['ok', 'Succeeded']] as const;

const COLUMNS: ReadonlyArray<Column<SeenLogin>> = [
  { name: 'time', value: (row) => row.time },
  { name: 'result', value: (row) => row.result },
  { name: 'user', value: (row) => row.user },
  { name: 'client_ip', value: (row) => row.client_ip },
  { name: 'client_name', value: (row) => row.client_name },
  { name: 'method', value: (row) => row.method },
  { name: 'reply', value: (row) => row.reply_text },
];

function Row({ row }: { row: SeenLogin }) {
  const isOk = row.result === 'ok';
  const only = (name: string, value: string) => link('/security/logins', { [name]: value }, query.value);
  return (
    <tr>
      <th scope="row" class="number">{dateTime(row.time)}</th>
      <td><span class={`badge ${isOk ? 'good' : 'bad'}`}><span class="glyph" aria-hidden="true">{isOk ? '✓' : '✕'}</span>{isOk ? 'logged in' : 'failed'}</span></td>
      <td class="break">{row.user ? <a href={only('user', row.user)}>{row.user}</a> : <span class="muted">not logged</span>}</td>
      <td class="break">{row.client_ip ? <a href={only('client', row.client_ip)}>{row.client_ip}</a> : <span class="muted">not logged</span>}{row.client_name && <div class="muted small">{row.client_name}</div>}</td>
      <td class="wide break small">{row.method}{row.reply_text && <div class="muted">{row.reply_text}</div>}</td>
    </tr>
  );
}

export function SecurityLogins() {
  const at = query.value;
  const range = readRange(at, '24h');
  const { since, until, time_zone, client, user } = windowParameters(at, range);
  const network = at.get('network');
  const result = at.get('result') ?? 'all';
  const { data, error, again, loading } = useAsk<Found>(address('/logins', { since, until, time_zone, client, user, network, result, limit: SHOWN }), range.moving ? refresh.value : 0);
  return (
    <>
      <PageHead title="Logins" controls={<><Choice name="result" label="Result" value={result} fallback="all" options={RESULTS} /><RangeMenu range={range} /></>}>
        <p class="muted"><a href={link('/security', carryRange(at))}>Security</a>{network && <> · from {network} (<a href={link('/security/logins', { network: null }, at)}>from everywhere</a>)</>}</p>
      </PageHead>
      <FilterChips />
      {error && !data && <Failure error={error} again={again} />}
      <Card title="Newest first" note={data ? <>{data.items.length < data.total ? `${count(data.items.length)} of ${count(data.total)}` : count(data.total)} <Export name="mailvane-logins" columns={COLUMNS} rows={data.items} /></> : ' '} flush stale={loading}>
        {!data && !error && <div class="placeholder" />}
        {data?.items.length === 0 && <Empty title="No logins">No such login was seen in this time. A longer range may hold some.</Empty>}
        {data && data.items.length > 0 && (
          <Scroll saved label="Logins">
            <table>
              <thead><tr><th scope="col">When</th><th scope="col">Result</th><th scope="col">Account</th><th scope="col">From</th><th scope="col" class="wide">How</th></tr></thead>
              <tbody>{data.items.map((row, place) => <Row key={`${row.time}${place}`} row={row} />)}</tbody>
            </table>
          </Scroll>
        )}
      </Card>
    </>
  );
}
