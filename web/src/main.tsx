// The start: styles, the live stream, the router.
import { render } from 'preact';
import '@preact/signals';
import './style/index.css';
import { connect, refreshByTheMinute } from './live';
import { listen, part, path } from './location';
import { Alerts } from './page/alerts';
import { Deliveries } from './page/deliveries';
import { Failures } from './page/failures';
import { Domain, Domains } from './page/domains';
import { Life } from './page/life';
import { Messages } from './page/messages';
import { Login, Setup } from './page/door';
import { NotFound } from './page/not-found';
import { Overview } from './page/overview';
import { Queue } from './page/queue';
import { Security } from './page/security';
import { SecurityLogins } from './page/security-logins';
import { Probe, Probes } from './page/probes';
import { Settings } from './page/settings';
import { Sources } from './page/sources';
import { watchSlash } from './part/search-box';
import { Shell } from './part/shell';
import { isIn, loadSession, session, watchSession } from './session';
import { watchSystemTheme } from './theme';

function Page() {
  const at = path.value.replace(/\/+$/, '') || '/';
  if (at === '/') return <Overview />;
  if (at === '/deliveries') return <Deliveries />;
  if (at === '/failures') return <Failures />;
  if (at === '/messages') return <Messages />;
  if (at.startsWith('/messages/')) return <Life key={at} id={at.slice('/messages/'.length)} />;
  if (at === '/alerts' || at.startsWith('/alerts/')) return <Alerts at={at} />;
  if (at === '/queue') return <Queue />;
  if (at === '/security') return <Security />;
  if (at === '/security/logins') return <SecurityLogins />;
  if (at === '/domains') return <Domains />;
  if (at.startsWith('/domains/')) return <Domain key={at} name={part(at, '/domains/')} />;
  if (at === '/probes') return <Probes />;
  if (at.startsWith('/probes/')) return <Probe key={at} id={part(at, '/probes/')} />;
  if (at === '/sources') return <Sources />;
  if (at === '/settings' || at.startsWith('/settings/')) return <Settings at={at} />;
  return <NotFound />;
}

let started = false;

/** The stream and the clock begin when somebody is let in. */
function start(): void {
  if (started || !isIn.value) return;
  started = true;
  connect();
  refreshByTheMinute();
}

function App() {
  if (path.value === '/setup') return <Setup done={start} />;
  if (!isIn.value) return <Login done={start} />;
  return <Shell><Page /></Shell>;
}

listen();
watchSlash();
watchSystemTheme();
watchSession();

const root = document.getElementById('app');
const show = () => {
  start();
  if (root) render(<App />, root);
};
// An API that does not say who is logged in (it does not answer) shows the pages, which say so.
loadSession().then(show, () => {
  session.value = { access: 'open', setup: false, user: null, csrf: null, password_min: 0 };
  show();
});
