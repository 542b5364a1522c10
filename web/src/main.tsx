// The start: styles, the live stream, the router.
import { render } from 'preact';
import '@preact/signals';
import './style/index.css';
import { connect, refreshByTheMinute } from './live';
import { listen, path } from './location';
import { Deliveries } from './page/deliveries';
import { Life } from './page/life';
import { Messages } from './page/messages';
import { NotFound } from './page/not-found';
import { Overview } from './page/overview';
import { Sources } from './page/sources';
import { watchSlash } from './part/search-box';
import { Shell } from './part/shell';
import { watchSystemTheme } from './theme';

function Page() {
  const at = path.value.replace(/\/+$/, '') || '/';
  if (at === '/') return <Overview />;
  if (at === '/deliveries') return <Deliveries />;
  if (at === '/messages') return <Messages />;
  if (at.startsWith('/messages/')) return <Life key={at} id={at.slice('/messages/'.length)} />;
  if (at === '/sources') return <Sources />;
  return <NotFound />;
}

listen();
watchSlash();
watchSystemTheme();
connect();
refreshByTheMinute();

const root = document.getElementById('app');
if (root) render(<Shell><Page /></Shell>, root);
