// The frame around every page: banner, navigation, search, connection, theme, and the line that says where the data ends.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { clock, count, dateClock, zoneLabel } from '../format';
import { completeTo, connection, linesPerSecond, now, status } from '../live';
import { link, path, query } from '../location';
import { carryRange } from '../range';
import { session } from '../session';
import { nextTheme, theme } from '../theme';
import { SearchBox } from './search-box';

const PAGES = [
  { path: '/', label: 'Overview' },
  { path: '/deliveries', label: 'Deliveries' },
  { path: '/failures', label: 'Failures' },
  { path: '/messages', label: 'Messages' },
  { path: '/queue', label: 'Queue' },
  { path: '/alerts', label: 'Alerts' },
  { path: '/security', label: 'Security' },
  { path: '/domains', label: 'Domains' },
  { path: '/probes', label: 'Probes' },
  { path: '/sources', label: 'Sources' },
] as const;

/** About the whole server: not for users of some domains. */
const UNSCOPED: readonly string[] = ['/sources', '/alerts', '/queue', '/security', '/domains', '/probes'];
/** Without a range of time. */
const WHOLE: readonly string[] = ['/sources', '/alerts', '/queue', '/domains', '/probes'];

/** What these pages show is counted from the log. */
const COUNTS_MAIL: readonly string[] = ['/deliveries', '/failures', '/messages', '/security'];

const THEMES = { system: ['◐', 'as the system has it'], light: ['☀', 'light'], dark: ['☾', 'dark'] } as const;
/** Data older than this are dated in full. */
const FRESH_MS = 12 * 3600_000;

function Nav() {
  const box = useRef<HTMLElement>(null);
  // On a phone the row of pages is wider than the screen: the one we are on is brought into sight, without moving the page.
  useEffect(() => {
    const here = box.current?.querySelector<HTMLElement>('[aria-current]');
    if (box.current && here) box.current.scrollLeft = here.offsetLeft - box.current.offsetLeft - (box.current.clientWidth - here.offsetWidth) / 2;
  }, [path.value]);
  return (
    <nav class="nav" aria-label="Pages" ref={box}>
      {PAGES.filter((page) => !UNSCOPED.includes(page.path) || !session.value?.user?.domains).map((page) => {
        const here = page.path === '/' ? path.value === '/' : path.value.startsWith(page.path);
        return (
          <a key={page.path} href={WHOLE.includes(page.path) ? page.path : link(page.path, carryRange(query.value))} aria-current={here ? 'page' : undefined}>
            {page.label}
          </a>
        );
      })}
    </nav>
  );
}

function Pulse() {
  const words = { connecting: 'connecting', live: `${count(Math.round(linesPerSecond.value))} lines/s`, lost: 'reconnecting' }[connection.value];
  return (
    <span class={`pulse number ${connection.value}`} title={connection.value === 'lost' ? 'The connection to Mailvane is gone; the page tries again by itself.' : 'Log lines read per second, over the last 10 s'}>
      <i aria-hidden="true" />
      {words}
    </span>
  );
}

/** Who is logged in; the way to the settings. */
function Person() {
  const user = session.value?.user;
  return (
    <a class="button plain" href="/settings" aria-current={path.value.startsWith('/settings') ? 'page' : undefined}>
      {user ? <><span class="visually-hidden">Settings of </span>{user.name}</> : 'Settings'}
    </a>
  );
}

/** When the data end: a clock while they are fresh, else the day too. */
export function completeText(): string {
  const end = completeTo.value;
  if (!end) return 'nothing read yet';
  return now.value - Date.parse(end) < FRESH_MS ? `complete to ${clock(end)}` : `complete to ${dateClock(end, now.value)}`;
}

function Foot() {
  const known = status.value;
  return (
    <footer class="foot">
      <span>Times in {zoneLabel()}</span>
      <span class="number">Data {completeText()}</span>
      {known?.software.map((each) => <span key={each.host + each.instance}>{each.mta === 'postfix' ? 'Postfix' : each.mta} {each.version} on {each.host}</span>)}
      {known && <span>Mailvane {known.version}</span>}
    </footer>
  );
}

/** On pages that count mail: the log is not read to its end, so what is newer is missing. Overview says so in its own way. */
function Unread() {
  const known = status.value;
  if (!known?.reading.length || !COUNTS_MAIL.some((each) => path.value.startsWith(each))) return null;
  return (
    <div class="note wait" role="status">
      <span>The log is still being read ({Math.floor(known.progress * 100)} %), {completeText()}: newer mail is not in these figures yet.</span>
    </div>
  );
}

export function Shell({ children }: { children: ComponentChildren }) {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const here = path.value;
  useEffect(() => {
    // After the first page, screen readers hear of a new one by focus on its heading.
    if (!first.current) main.current?.querySelector<HTMLElement>('h1')?.focus();
    first.current = false;
  }, [here]);
  const [glyph, words] = THEMES[theme.value];
  return (
    <>
      <a class="skip" href="#main">Skip to the page</a>
      {status.value?.banner && <div class="banner" role="note">{status.value.banner}</div>}
      <header class="top">
        <div class="top-row">
          <a class="brand" href="/"><img src="/favicon.svg" alt="" width="24" height="24" />Mailvane</a>
          <Nav />
          <span class="grow" />
          {here !== '/messages' && <SearchBox />}
          <Pulse />
          <Person />
          <button type="button" class="button plain theme" onClick={nextTheme} aria-label={`Theme: ${words}. Change it`} title={`Theme: ${words}`}>
            <span aria-hidden="true">{glyph}</span>
          </button>
        </div>
      </header>
      <main id="main" class="shell" ref={main}>
        {connection.value === 'lost' && <div class="note wait" role="status"><span>The connection to Mailvane is gone. What you see is from {clock(now.value)}; the page tries again by itself.</span></div>}
        <Unread />
        {children}
        <Foot />
      </main>
    </>
  );
}

/** The heading of a page, with what stands beside it. Sets the title of the window. */
export function PageHead({ title, children, controls }: { title: string; children?: ComponentChildren; controls?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · Mailvane`;
  }, [title]);
  return (
    <div class="page-head">
      <div class="lead">
        <h1 tabIndex={-1}>{title}</h1>
        {children}
      </div>
      {controls && <div class="controls">{controls}</div>}
    </div>
  );
}
