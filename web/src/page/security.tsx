// Security: who was refused at the door, who tried to log in, and accounts that look used by somebody else.
import type { Security as Found, SecurityNetwork, SecurityUser } from '../api';
import { address } from '../client';
import { windowParameters } from '../filters';
import { ago, count, dateTime } from '../format';
import { now, refresh } from '../live';
import { link, query } from '../location';
import { type Column, Export } from '../part/export';
import { Card, Empty, Failure } from '../part/pieces';
import { RangeMenu } from '../part/range-menu';
import { Scroll } from '../part/scroll';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';
import { carryRange, readRange } from '../range';
import { doorLabel } from '../words';

/** Rows of each table. */
const SHOWN = 50;
/** Networks named beside an account. */
const NETWORKS = 3;

const NETWORK_COLUMNS: ReadonlyArray<Column<SecurityNetwork>> = [
  { name: 'network', value: (row) => row.network },
  { name: 'refused', value: (row) => row.refused },
  { name: 'put_off', value: (row) => row.put_off },
  { name: 'reasons', value: (row) => row.reasons.map((each) => `${each.reason}=${each.count}`).join(' ') },
  { name: 'failed_logins', value: (row) => row.failed },
  { name: 'logins', value: (row) => row.ok },
  { name: 'users_tried', value: (row) => row.users },
  { name: 'first', value: (row) => row.first },
  { name: 'last', value: (row) => row.last },
];

const USER_COLUMNS: ReadonlyArray<Column<SecurityUser>> = [
  { name: 'user', value: (row) => row.user },
  { name: 'suspect', value: (row) => (row.suspect ? 'yes' : 'no') },
  { name: 'why', value: (row) => row.why },
  { name: 'failed_logins', value: (row) => row.failed },
  { name: 'logins', value: (row) => row.ok },
  { name: 'messages', value: (row) => row.messages },
  { name: 'recipients', value: (row) => row.recipients },
  { name: 'networks', value: (row) => row.networks.join(' ') },
  { name: 'first', value: (row) => row.first },
  { name: 'last', value: (row) => row.last },
];

function Tiles({ found }: { found: Found }) {
  return (
    <dl class="facts inset">
      <div><dt>Refused for good</dt><dd class="number"><a href={link('/messages', { status: 'refused', ...carryRange(query.value) })}>{count(found.refused)}</a></dd></div>
      <div><dt>Refused for now</dt><dd class="number">{count(found.put_off)}</dd></div>
      <div><dt>Failed logins</dt><dd class="number">{count(found.failed)}</dd></div>
      <div><dt>Logins</dt><dd class="number">{count(found.ok)}</dd></div>
      <div><dt>Accounts to look at</dt><dd class="number">{count(found.suspects)}</dd></div>
    </dl>
  );
}

function Reasons({ found }: { found: Found }) {
  return (
    <Scroll label="Refusals by reason">
      <table>
        <thead><tr><th scope="col">Why it was refused</th><th scope="col" class="end">Refusals</th></tr></thead>
        <tbody>
          {found.reasons.map((row) => (
            <tr key={row.reason}>
              <th scope="row"><a href={link('/messages', { status: 'refused', reason: row.reason, ...carryRange(query.value) })}>{doorLabel(row.reason)}</a></th>
              <td class="end number">{count(row.count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Networks({ rows }: { rows: readonly SecurityNetwork[] }) {
  return (
    <Scroll saved label="Networks">
      <table>
        <thead><tr><th scope="col">Network</th><th scope="col" class="end">Refused</th><th scope="col" class="end">For now</th><th scope="col" class="end">Failed logins</th><th scope="col" class="end">Names tried</th><th scope="col" class="end">Logins</th><th scope="col" class="end">Last</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.network}>
              <th scope="row" class="number">
                {row.network || 'no address logged'}
                {row.reasons[0] && <span class="muted small"> {doorLabel(row.reasons[0].reason)}</span>}
              </th>
              <td class="end number">{count(row.refused)}</td>
              <td class="end number">{count(row.put_off)}</td>
              <td class="end number">{count(row.failed)}</td>
              <td class="end number">{count(row.users)}</td>
              <td class="end number">{count(row.ok)}</td>
              <td class="end number" title={dateTime(row.last)}>{ago(row.last, now.value).replace(' ago', '')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Users({ rows }: { rows: readonly SecurityUser[] }) {
  return (
    <Scroll saved label="Accounts">
      <table>
        <thead><tr><th scope="col">Account</th><th scope="col" class="end">Failed logins</th><th scope="col" class="end">Logins</th><th scope="col" class="end">Messages</th><th scope="col" class="end">Recipients</th><th scope="col">Used from</th><th scope="col" class="end">Last</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.user}>
              <th scope="row" class="break">
                {row.suspect && <span class="badge bad"><span class="glyph" aria-hidden="true">!</span>look at it</span>} {row.user}
                {row.why && <div class="small">{row.why}</div>}
              </th>
              <td class="end number">{count(row.failed)}</td>
              <td class="end number">{count(row.ok)}</td>
              <td class="end number">{count(row.messages)}</td>
              <td class="end number">{count(row.recipients)}</td>
              <td class="small">{row.networks.slice(0, NETWORKS).join(', ')}{row.networks.length > NETWORKS && ` and ${row.networks.length - NETWORKS} more`}</td>
              <td class="end number" title={dateTime(row.last)}>{ago(row.last, now.value).replace(' ago', '')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** How many of all are shown. */
function shown(rows: number, all: number): string {
  return rows < all ? `${count(rows)} of ${count(all)}` : count(all);
}

export function Security() {
  const range = readRange(query.value, '24h');
  const { since, until, time_zone: _, ...rest } = windowParameters(query.value, range);
  const asked = { since, until, client: rest['client'], limit: SHOWN };
  const { data, error, again, loading } = useAsk<Found>(address('/security', asked), range.moving ? refresh.value : 0);
  return (
    <>
      <PageHead title="Security" controls={<RangeMenu range={range} />}>
        <p class="muted">Refusals at the door, logins, and accounts that somebody else may use. Networks are /24, or /48 for IPv6.</p>
      </PageHead>
      {error && !data && <Failure error={error} again={again} />}
      {!data && !error && <div class="card"><div class="placeholder" /></div>}
      {data && (
        <div class="stack">
          <Card title="At the door" flush stale={loading}>
            <Tiles found={data} />
            {data.reasons.length > 0 && <Reasons found={data} />}
          </Card>
          <Card title="Accounts" note={<>{shown(data.users.length, data.total_users)} <Export name="mailvane-accounts" columns={USER_COLUMNS} rows={data.users} /></>} flush stale={loading}>
            {data.users.length === 0
              ? <Empty title="No logins">No login, and no mail of a logged-in account, was seen in this time. Dovecot's and Postfix's lines on logins must be among the logs for it.</Empty>
              : <Users rows={data.users} />}
          </Card>
          <Card title="Networks" note={<>{shown(data.networks.length, data.total_networks)} <Export name="mailvane-networks" columns={NETWORK_COLUMNS} rows={data.networks} /></>} flush stale={loading}>
            {data.networks.length === 0 ? <Empty title="Nobody was refused">No refusal and no login was seen in this time.</Empty> : <Networks rows={data.networks} />}
          </Card>
        </div>
      )}
    </>
  );
}
