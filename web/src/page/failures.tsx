// Failures: the replies behind failed tries, one template a row, with what each means, whose fault it is and what to do.
import type { FailureGroup, Failures as Found } from '../api';
import { address } from '../client';
import { windowParameters } from '../filters';
import { count } from '../format';
import { refresh } from '../live';
import { query } from '../location';
import { Choice } from '../part/choice';
import { type Column, Export } from '../part/export';
import { FilterChips } from '../part/filter-chips';
import { Card, Empty, Failure } from '../part/pieces';
import { RangeMenu } from '../part/range-menu';
import { PageHead } from '../part/shell';
import { useAsk } from '../query';
import { readRange } from '../range';
import { session } from '../session';
import { DIRECTIONS, POPULATIONS, populationSentence } from '../words';
import { GroupRow } from './failures-group';

/** Rows at once. */
const SHOWN = 100;

const COLUMNS: ReadonlyArray<Column<FailureGroup>> = [
  { name: 'provider', value: (group) => group.provider },
  { name: 'reason', value: (group) => group.reason },
  { name: 'template', value: (group) => group.template },
  { name: 'rule', value: (group) => group.verdict.rule },
  { name: 'fault', value: (group) => group.verdict.fault },
  { name: 'recipients', value: (group) => group.recipients },
  { name: 'attempts', value: (group) => group.attempts },
  { name: 'bounced', value: (group) => group.bounced },
  { name: 'deferred', value: (group) => group.deferred },
  { name: 'suspended', value: (group) => group.suspended },
  { name: 'first', value: (group) => group.first },
  { name: 'last', value: (group) => group.last },
];

function Table({ found }: { found: Found }) {
  return (
    <div class="failures">
      <div class="failure-head small muted" aria-hidden="true">
        <span>What fails</span><span class="end">Recipients</span><span class="end">Bounced</span><span class="end">Put off</span><span>Tries over time</span><span class="end">Last</span>
      </div>
      {found.groups.map((group) => <GroupRow key={`${group.provider}\n${group.reason}\n${group.template}`} group={group} />)}
    </div>
  );
}

function Summary({ found }: { found: Found }) {
  const attempts = found.groups.reduce((sum, group) => sum + group.attempts, 0);
  return (
    <span class="number">
      {count(found.groups.length)}{found.total_groups > found.groups.length && <> of {count(found.total_groups)}</>} replies, {count(attempts)} failed tries
      {found.unclassified.templates > 0 && <>; {count(found.unclassified.templates)} that no rule names</>}
      {found.attempts_over_limit > 0 && <>; {count(found.attempts_over_limit)} tries of further replies are not told apart</>}
    </span>
  );
}

export function Failures() {
  const range = readRange(query.value, '24h');
  const direction = query.value.get('direction') ?? 'outbound';
  const population = query.value.get('population') ?? 'ordinary';
  const asked = { ...windowParameters(query.value, range), limit: SHOWN };
  const { data, error, again, loading } = useAsk<Found>(address('/failures', asked), range.moving ? refresh.value : 0);
  return (
    <>
      <PageHead
        title="Failures"
        controls={
          <>
            <Choice name="direction" label="Direction" value={direction} fallback="outbound" options={Object.entries(DIRECTIONS)} />
            <Choice name="population" label="Which mail" value={population} fallback="ordinary" options={Object.entries(POPULATIONS)} />
            <RangeMenu range={range} />
          </>
        }
      >
        <p class="muted">{populationSentence(direction, population)}. The most harmful first.</p>
      </PageHead>
      <FilterChips />
      {error && !data && <Failure error={error} again={again} />}
      {!data && !error && <div class="card"><div class="placeholder" /></div>}
      {data && data.groups.length === 0 && (
        <Card title="Replies"><Empty title="Nothing failed">No try of this mail failed in this time. A longer range may hold some.</Empty></Card>
      )}
      {data && data.groups.length > 0 && (
        <Card title="Replies" note={<Summary found={data} />} flush stale={loading}>
          <Table found={data} />
          <p class="inset row small">
            <Export name="mailvane-failures" columns={COLUMNS} rows={data.groups} />
            {!session.value?.user?.domains && <a href="/api/v1/suppression?format=csv" download="suppression.csv">Addresses that should not be mailed again, as CSV</a>}
          </p>
        </Card>
      )}
    </>
  );
}
