// Mock answers about domains and probes: a domain with a problem, a warning, something unknown, and a change.
const iso = (time) => new Date(time).toISOString();
const MINUTE = 60_000;

function finding(now, fields) {
  const evidence = [{ question: 'example.com TXT', answer: '"v=spf1 ip4:203.0.113.8 -all"', server: '192.0.2.53:53', time: iso(now - 4 * MINUTE), ttl: 300 }];
  return { scope: 'example.com', subject: 'example.com', state: 'ok', severity: 'info', means: null, fix: null, value: [], vantage: 'outside', evidence, timings: [], first_seen: iso(now - 9000 * MINUTE), last_seen: iso(now - 4 * MINUTE), since: iso(now - 3000 * MINUTE), candidate: null, silent: null, ...fields };
}

function findings(now) {
  return [
    finding(now, { check: 'ptr.exists', subject: '203.0.113.9', state: 'problem', severity: 'critical', title: '203.0.113.9 has no name', means: 'Gmail, Yahoo and Microsoft refuse mail from addresses without one.', fix: 'Ask the provider of the address to set its PTR record to mail.example.com.', since: iso(now - 90 * MINUTE) }),
    finding(now, { check: 'dmarc.reports', state: 'warning', severity: 'medium', title: 'Nobody receives DMARC reports', fix: 'Add `rua=mailto:dmarc@example.com`.', candidate: { state: 'ok', severity: 'info', title: 'Reports go to dmarc@example.com', since: iso(now - 4 * MINUTE), runs: 1 } }),
    finding(now, { check: 'dkim.key', state: 'unknown', title: 'DKIM selector unknown: give it with --selector', evidence: [], silent: { since: iso(now - 60 * MINUTE), title: 'timeout: no answer in time' } }),
    finding(now, { check: 'spf.record', title: 'One SPF record', value: ['v=spf1', 'ip4:203.0.113.8', '-all'] }),
  ];
}

function change(now) {
  return { probe: 'dns', scope: 'example.com', time: iso(now - 3000 * MINUTE), confirmed: iso(now - 2970 * MINUTE), check: 'spf.record', subject: 'example.com', before: 'ok', after: 'ok', severity: 'info', title: 'One SPF record', added: ['ip4:203.0.113.8'], removed: ['ip4:203.0.113.7'], sentence: 'spf.record of example.com changed; added ip4:203.0.113.8; removed ip4:203.0.113.7' };
}

const COUNTS = { ok: 1, unknown: 1, warnings: 1, problems: 1 };
const GOOD = { ok: 14, unknown: 0, warnings: 0, problems: 0 };
const run = (now, counts, latency_ms) => ({ time: iso(now - 4 * MINUTE), took_ms: 840, counts, missed: 0, dropped: 0, latency_ms, failed: [] });
const scope = (name, state, counts, latency_ms) => ({ scope: name, state, severity: state === 'problem' ? 'critical' : 'info', counts, latency_ms, failed: null });

function summaries(now) {
  const times = { next: iso(now + 11 * MINUTE), running_since: null };
  return [
    { id: 'dns', kind: 'dns', schedule: '*/30 * * * *', time_zone: 'Europe/Berlin', state: 'problem', severity: 'critical', counts: COUNTS, ...times, last: run(now, COUNTS, []), scopes: [scope('example.com', 'problem', COUNTS, null)] },
    { id: 'mx', kind: 'smtp', schedule: '*/15 * * * *', time_zone: 'Europe/Berlin', state: 'ok', severity: 'info', counts: GOOD, ...times, last: run(now, GOOD, [{ scope: 'mail.example.com:25', ms: 312.4, legs: [] }]), scopes: [scope('mail.example.com:25', 'ok', GOOD, 312.4)] },
  ];
}

export const domains = (now) => ({ domains: [{ domain: 'example.com', probe: 'dns', state: 'problem', severity: 'critical', counts: COUNTS, worst: '203.0.113.9 has no name', last_run: iso(now - 4 * MINUTE), next_run: iso(now + 11 * MINUTE) }] });

export function domain(now) {
  const line = (provider, rule, result, because) => ({ provider, for: 'all', rule, result, because });
  return {
    domain: 'example.com', probe: 'dns', state: 'problem', severity: 'critical', counts: COUNTS, last_run: iso(now - 4 * MINUTE), next_run: iso(now + 11 * MINUTE), running_since: null,
    learned: [{ what: 'sending_ip', value: '203.0.113.9', source: "from the MTA's settings", last_seen: null }, { what: 'helo', value: 'mail.example.com', source: "from the MTA's settings", last_seen: null }],
    sheet: [line('Gmail', 'SPF or DKIM', 'pass', 'One SPF record'), line('Gmail', 'sending addresses have a name that leads back', 'fail', '203.0.113.9 has no name'), line('Gmail', 'spam rate below 0.3 %', 'unknown', "shown by Gmail's Postmaster Tools only")],
    findings: findings(now), changes: [change(now)],
  };
}

export const probes = (now) => ({ probes: summaries(now) });
export const probe = (now, id) => ({ probe: summaries(now).find((each) => each.id === id), findings: findings(now) });
export const history = (now, id) => ({ probe: id, since: iso(now - 10_080 * MINUTE), until: iso(now), runs: [run(now, COUNTS, [])], changes: [change(now)], difference: [{ check: 'spf.record', subject: 'example.com', before: 'ok', after: 'ok', last_change: iso(now - 3000 * MINUTE), title: 'One SPF record', added: ['ip4:203.0.113.8'], removed: ['ip4:203.0.113.7'], steps: 1 }], complete: true });
