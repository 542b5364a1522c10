// A real `mailvane serve` of its own for a test: with a small log, on a free port. Needs the program: MAILVANE_BIN, or the debug build.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const PASSWORD = 'stone bridge tram';
const binary = process.env['MAILVANE_BIN'] ?? new URL('../../target/debug/mailvane', import.meta.url).pathname;
/** Two probes that find something at once on every machine: nobody listens on port 1 of this host. */
export const PROBES = `
[[probe]]
name = "mx"
kind = "smtp"
hosts = ["127.0.0.1:1"]
schedule = "0 0 1 1 *"

[[probe]]
name = "dns"
domains = ["example.com"]
helo = ["mx1.example.com"]
schedule = "0 0 1 1 *"
resolvers = ["127.0.0.1:1"]
`;

export const isBuilt = existsSync(binary);

/** Mail of two domains, and of a sender who is no name. */
function log(): string {
  const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString().replace(/\.\d+Z/, '+00:00');
  const lines: Array<[number, string]> = [
    [30, 'submission/smtpd[101]: 4AAAA11111: client=desk.example.com[192.0.2.10], sasl_method=PLAIN, sasl_username=annabel'],
    [30, 'qmgr[103]: 4AAAA11111: from=<annabel@example.com>, size=1200, nrcpt=2 (queue active)'],
    [30, 'smtp[104]: 4AAAA11111: to=<robert@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=2.1, delays=0.1/0/1/1, dsn=2.0.0, status=sent (250 2.0.0 OK)'],
    [30, 'smtp[105]: 4AAAA11111: to=<evelyn@example.org>, relay=mx.example.org[198.51.100.8]:25, delay=3.1, delays=0.1/0/1/2, dsn=5.1.1, status=bounced (host mx.example.org[198.51.100.8] said: 550 5.1.1 <img src=x onerror=window.hurt=1> no evelyn here (in reply to RCPT TO command))'],
    [30, 'qmgr[103]: 4AAAA11111: removed'],
    [20, 'smtpd[111]: 4BBBB22222: client=unknown[203.0.113.9]'],
    [20, 'cleanup[112]: 4BBBB22222: warning: header Subject: <b>Offer</b> \u0007\u001b[31mred \u202eoffe from unknown[203.0.113.9]; from=<a@example.test> to=<kimberly@example.com> proto=ESMTP helo=<x>'],
    [20, 'qmgr[103]: 4BBBB22222: from=<<script>window.hurt=1</script>@example.test>, size=900, nrcpt=1 (queue active)'],
    [20, 'local[113]: 4BBBB22222: to=<kimberly@example.com>, relay=local, delay=0.5, delays=0.1/0/0/0.4, dsn=2.0.0, status=sent (delivered to maildir)'],
    [20, 'qmgr[103]: 4BBBB22222: removed'],
  ];
  return lines.map(([minutes, text]) => `${at(minutes)} mx1 postfix/${text}\n`).join('');
}

export interface Served {
  url: string;
  /** The one-time link, when there is no administrator. */
  link: string | null;
  /** Writes the log, where it was not there at the start. */
  write: () => void;
  stop: () => void;
}

/** Starts it with users: name, role, domains; with a log of some mail, or with none yet. */
export async function serve(users: Array<[string, string, string[]]>, config = '', lines: string | null = log()): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'mailvane-e2e-'));
  const data = join(folder, 'data');
  const write = () => writeFileSync(join(folder, 'mail.log'), lines ?? log());
  if (lines !== null) write();
  writeFileSync(join(folder, 'mailvane.toml'), config);
  for (const [name, role, domains] of users) {
    const only = domains.flatMap((domain) => ['--domain', domain]);
    const added = spawnSync(binary, ['user', 'add', name, '--role', role, '--data-dir', data, '--password-file', '-', ...only], { input: `${PASSWORD}\n` });
    if (added.status !== 0) throw new Error(String(added.stderr));
  }
  const child: ChildProcess = spawn(binary, ['serve', '--history', 'all', '--timezone', 'UTC', '--listen', '127.0.0.1:0', '--config', join(folder, 'mailvane.toml'), '--data-dir', data, join(folder, 'mail.log')]);
  let said = '';
  child.stdout?.on('data', (text) => (said += String(text)));
  child.stderr?.on('data', (text) => (said += String(text)));
  const stop = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 600; tries += 1) {
    const url = /page at (http\S+)/.exec(said)?.[1];
    const ready = url ? await fetch(`${url}/readyz`).then((answer) => answer.ok, () => false) : false;
    if (url && ready) return { url, link: /(http\S+\/setup#\S+)/.exec(said)?.[1] ?? null, write, stop };
    await new Promise((done) => setTimeout(done, 100));
  }
  stop();
  throw new Error(`it did not start: ${said}`);
}
