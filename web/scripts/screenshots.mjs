// `npm run screenshots -- FOLDER [PATH...]`: every page at two widths in both themes, to be looked at one by one. MAILVANE_URL names the server;
// MAILVANE_LOGIN=NAME:PASSWORD logs in first.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from '@playwright/test';

const PAGES = [
  '/', '/?direction=inbound', '/deliveries', '/deliveries?compare=yes&by=domain', '/failures', '/messages', '/messages?q=nobody-at-all@nowhere.invalid', '/queue',
  '/alerts', '/alerts/history', '/alerts/silences', '/alerts/rules', '/alerts/notices', '/security', '/security/logins', '/domains', '/probes', '/sources', '/settings',
  '/settings/users', '/settings/tokens', '/settings/sessions', '/settings/audit', '/no/page',
];
const SIZES = [['desktop', 1440, 900], ['phone', 390, 844]];

const [folder = 'screenshots', ...paths] = process.argv.slice(2);
const base = process.env.MAILVANE_URL ?? 'http://127.0.0.1:8624';
const login = process.env.MAILVANE_LOGIN?.split(':');

async function enter(page) {
  if (!login) return;
  await page.goto(base);
  await page.getByLabel('Name').fill(login[0]);
  await page.getByLabel('Password').fill(login[1]);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('link', { name: `Settings of ${login[0]}` }).waitFor();
}

/** A message with an attempt, and a refused one. */
async function lives(page) {
  const found = [];
  for (const status of ['bounced', 'refused']) {
    const answer = await page.request.get(`${base}/api/v1/messages?since=999d&limit=1&status=${status}`);
    if (answer.ok()) found.push(...(await answer.json()).items.map((item) => `/messages/${item.id}`));
  }
  return found;
}

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM });
for (const [size, width, height] of SIZES) {
  for (const colorScheme of ['light', 'dark']) {
    const page = await (await browser.newContext({ colorScheme, viewport: { width, height }, locale: 'en-GB' })).newPage();
    await enter(page);
    const all = paths.length > 0 ? paths : [...PAGES, ...(await lives(page))];
    for (const path of all) {
      await page.goto(base + path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForFunction(() => !document.body.innerText.includes('Asking'));
      await page.waitForFunction(() => [...document.querySelectorAll('.chart')].every((chart) => chart.childElementCount > 0) && !document.querySelector('.placeholder'), null, { timeout: 20_000 }).catch(() => console.warn(`${path}: something is still asked for`));
      await page.waitForTimeout(500);
      const name = path.replaceAll(/[^a-z0-9]+/gi, '-').replaceAll(/^-|-$/g, '') || 'overview';
      await page.screenshot({ path: join(folder, `${name.slice(0, 40)}.${size}.${colorScheme}.png`), fullPage: true });
    }
    await page.context().close();
  }
}
await browser.close();
