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

/** The range unless another is asked for. */
const RANGE = '24h';
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

/** A number with the rows behind it; none lead nowhere. */
function Counted({ of, to, more }: { of: number; to: '/messages' | '/security/logins'; more: Record<string, string | null> }) {
  // The other page would begin with another range.
  const range = query.value.get('since') || query.value.get('range') ? carryRange(query.value) : { range: RANGE };
  return of > 0 ? <a href={link(to, { ...range, ...more })}>{count(of)}</a> : <>{count(of)}</>;
}

function Tiles({ found }: { found: Found }) {
  return (
    <dl class="facts inset">
      <div><dt>Refused for good</dt><dd class="number"><Counted of={found.refused} to="/messages" more={{ status: 'refused_for_good' }} /></dd></div>
      <div><dt>Refused for now</dt><dd class="number"><Counted of={found.put_off} to="/messages" more={{ status: 'refused_for_now' }} /></dd></div>
      <div><dt>Failed logins</dt><dd class="number"><Counted of={found.failed} to="/security/logins" more={{ result: 'failed' }} /></dd></div>
      <div><dt>Logins</dt><dd class="number"><Counted of={found.ok} to="/security/logins" more={{ result: 'ok' }} /></dd></div>
      <div><dt>Accounts to look at</dt><dd class="number">{count(found.suspects)} <small>{found.suspects > 0 && 'first in the list below'}</small></dd></div>
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
              <th scope="row">{doorLabel(row.reason)}</th>
              <td class="end number"><Counted of={row.count} to="/messages" more={{ status: 'refused', reason: row.reason }} /></td>
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
        <thead><tr><th scope="col">Network</th><th scope="col" class="end">Refused</th><th scope="col" class="end wide">For now</th><th scope="col" class="end">Failed logins</th><th scope="col" class="end wide">Names tried</th><th scope="col" class="end wide">Logins</th><th scope="col" class="end wide">Last</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.network}>
              <th scope="row" class="number">
                {row.network || 'no address logged'}
                {row.reasons[0] && <span class="muted small"> {doorLabel(row.reasons[0].reason)}</span>}
              </th>
              <td class="end number"><Counted of={row.refused} to="/messages" more={{ status: 'refused_for_good', q: row.network || null }} /></td>
              <td class="end number wide"><Counted of={row.put_off} to="/messages" more={{ status: 'refused_for_now', q: row.network || null }} /></td>
              <td class="end number"><Counted of={row.failed} to="/security/logins" more={{ network: row.network, result: 'failed' }} /></td>
              <td class="end number wide"><Counted of={row.users} to="/security/logins" more={{ network: row.network }} /></td>
              <td class="end number wide"><Counted of={row.ok} to="/security/logins" more={{ network: row.network, result: 'ok' }} /></td>
              <td class="end number wide" title={dateTime(row.last)}>{ago(row.last, now.value).replace(' ago', '')}</td>
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
        <thead><tr><th scope="col">Account</th><th scope="col" class="end">Failed logins</th><th scope="col" class="end">Logins</th><th scope="col" class="end">Messages</th><th scope="col" class="end wide">Recipients</th><th scope="col" class="wide">Used from</th><th scope="col" class="end wide">Last</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.user}>
              <th scope="row" class="break">
                {row.suspect && <span class="badge bad"><span class="glyph" aria-hidden="true">!</span>look at it</span>} {row.user}
                {row.why && <div class="small">{row.why}</div>}
              </th>
              <td class="end number"><Counted of={row.failed} to="/security/logins" more={{ user: row.user, result: 'failed' }} /></td>
              <td class="end number"><Counted of={row.ok} to="/security/logins" more={{ user: row.user, result: 'ok' }} /></td>
              <td class="end number"><Counted of={row.messages} to="/messages" more={{ user: row.user, kind: 'message' }} /></td>
              <td class="end number wide"><Counted of={row.recipients} to="/messages" more={{ user: row.user, kind: 'message' }} /></td>
              <td class="small wide">
                {row.networks.slice(0, NETWORKS).join(', ')}
                {row.networks.length > NETWORKS && <> and <Counted of={row.networks.length - NETWORKS} to="/security/logins" more={{ user: row.user }} /> more</>}
              </td>
              <td class="end number wide" title={dateTime(row.last)}>{ago(row.last, now.value).replace(' ago', '')}</td>
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
  const range = readRange(query.value, RANGE);
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
