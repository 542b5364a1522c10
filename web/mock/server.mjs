// A mock of the binary for work on the pages: serves the built dist and believable answers by the contract.
// node mock/server.mjs [--port 8625] [--mode live|demo|first_read|no_source]; data are made as if until now, and go on.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, normalize } from 'node:path';
import { traffic } from './traffic.mjs';
import * as answers from './answers.mjs';
import * as probes from './probes.mjs';

const option = (name, fallback) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : fallback);
const port = Number(option('--port', '8625'));
const mode = option('--mode', 'live');
const started = Date.now();
// Made beyond the start, so that ticks have something to show; what lies in the future is not told yet.
const all = mode === 'no_source' ? [] : traffic(started + 3600_000);
const dist = new URL('../dist/', import.meta.url);
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const known = (now) => all.filter((each) => each.time <= now).map((each) => (each.kind === 'message' && each.attempts.at(-1)?.time > now ? { ...each, attempts: each.attempts.filter((a) => a.time <= now), state: 'queued', nextTry: each.attempts.find((a) => a.time > now).time } : each));

function fail(status, code, message, hint) {
  return { status, body: { error: { code, message, hint } } };
}

function answer(path, query, now) {
  const items = known(now);
  answers.speakIn(query.get('time_zone'));
  const windowOf = (fallback, direction) => answers.readWindow(query, now, fallback, direction);
  const bad = fail(400, 'bad_request', `since: \`${query.get('since')}\` is neither a time nor a span`, 'give RFC 3339 (2026-03-01T00:00:00Z) or a span such as 24h');
  const figures = windowOf('24h', 'outbound');
  const list = windowOf('7d', 'all');
  if (!figures) return bad;
  switch (path) {
    case '/status': return { body: answers.status(items, now, started, mode, Math.min(0.99, 0.62 + (now - started) / 600_000)) };
    case '/summary': return { body: answers.summary(items, figures, query, now) };
    case '/series': return { body: answers.series(items, figures, query) };
    case '/breakdown': return { body: answers.breakdown(items, figures, query) };
    case '/messages': return { body: answers.messages(items, list, query, now) };
    case '/session': return { body: answers.session() };
    case '/sources': return { body: answers.sources(now) };
    case '/queue/live': return { body: answers.liveQueue(now) };
    case '/queue': return { body: answers.queue(items, now) };
    case '/alerts': return { body: answers.alerts(now) };
    case '/attention': return { body: answers.attention(now) };
    case '/alerts/history': return { body: answers.alertHistory(now) };
    case '/alerts/rules': return { body: answers.alertRules(now) };
    case '/alerts/notices': return { body: answers.alertNotices(now) };
    case '/alerts/silences': return { body: answers.silences(now) };
    case '/alerts/backtest': return { body: answers.backtest(now) };
    case '/trouble': return { body: answers.trouble(figures, now) };
    case '/domains': return { body: probes.domains(now) };
    case '/domains/example.com': return { body: probes.domain(now) };
    case '/probes': return { body: probes.probes(now) };
    case '/probes/dns': case '/probes/mx': return { body: probes.probe(now, path.slice('/probes/'.length)) };
    case '/probes/dns/history': case '/probes/mx/history': return { body: probes.history(now, path.split('/')[2]) };
    default: {
      const life = path.startsWith('/messages/') ? answers.life(items, path.slice('/messages/'.length)) : null;
      return life ? { body: life } : fail(404, 'not_found', 'There is no such message.', 'It may be older than what is kept: search for its queue id or address.');
    }
  }
}

function live(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const send = (name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  let revision = 1;
  const items = () => known(Date.now());
  send('status', answer('/status', new URLSearchParams(), Date.now()).body);
  send('tick', answers.tick(items(), Date.now(), revision, 60));
  const timer = setInterval(() => {
    revision += 1;
    if (mode === 'first_read') send('status', answer('/status', new URLSearchParams(), Date.now()).body);
    send('tick', answers.tick(items(), Date.now(), revision, 2));
  }, 1000);
  response.on('close', () => clearInterval(timer));
}

async function file(path, response) {
  const name = path === '/' || !extname(path) || /^\/(domains|probes)\//.test(path) ? 'index.html' : normalize(path).replace(/^(\.\.[/\\])+|^\//g, '');
  try {
    const content = await readFile(new URL(name, dist));
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream', 'content-security-policy': CSP, 'x-content-type-options': 'nosniff' });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://mock');
  if (!url.pathname.startsWith('/api/v1/')) return void file(url.pathname, response);
  if (url.pathname === '/api/v1/live') return live(response);
  const { status = 200, body } = answer(url.pathname.slice('/api/v1'.length), url.searchParams, Date.now());
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}).listen(port, '127.0.0.1', () => console.log(`mock (${mode}) at http://127.0.0.1:${port}`));
