// What an operator does, in a real browser: look whether mail flows, find a message, read its life, see what is covered.
import { expect, test, type Page } from '@playwright/test';
import type { Breakdown, Messages, Sources, Summary } from '../src/api';

/** The log may be an old file: asks for all of it. */
const RANGE = 'range=999d';

async function api<Answer>(page: Page, path: string): Promise<Answer> {
  const response = await page.request.get(`/api/v1${path}`);
  expect(response.ok(), `${path}: ${response.status()} ${await response.text()}`).toBe(true);
  return (await response.json()) as Answer;
}

test.beforeEach(({ page }) => {
  page.on('pageerror', (error) => {
    throw error;
  });
  page.on('console', (message) => {
    // A refused inline style or script, or a request to elsewhere, shows up here.
    if (message.type() === 'error') expect(message.text()).not.toContain('Content Security Policy');
  });
});

test('overview shows the numbers of the API, and leads to the rows behind them', async ({ page }) => {
  const fixed = 'since=2020-01-01T00:00:00Z&until=2040-01-01T00:00:00Z';
  const summary = await api<Summary>(page, `/summary?${fixed}&direction=outbound&time_zone=Europe/Berlin`);
  await page.goto(`/?${fixed}`);
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
  // The sentence may have grown by the second in between: its beginning must be there.
  await expect(page.locator('.headline')).toContainText(summary.sentence.slice(0, 20));
  const tile = (metric: string) => page.locator(`.tile[data-metric=${metric}]`);
  const { outcomes, rates } = summary.figures;
  if (outcomes.delivered < 10_000) await expect(tile('delivered').locator('.value')).toHaveText(outcomes.delivered.toLocaleString('en-GB'));
  if (rates.bounce_rate.n > 0) await expect(tile('bounce_rate')).toContainText(`of ${rates.bounce_rate.n.toLocaleString('en-GB')}`);
  const beside = (metric: string) => page.locator(`.facts [data-metric=${metric}] dd`);
  for (const metric of ['bounced', 'expired', 'discarded', 'unknown'] as const) await expect(beside(metric)).toContainText(outcomes[metric].toLocaleString('en-GB'));
  await expect(page.getByRole('img', { name: /Outcomes over time: Delivered/ })).toBeVisible();
  await expect(page.getByText('lines understood')).toBeVisible();
  await expect(page.getByText(/complete to/).first()).toBeVisible();
  await tile('bounce_rate').click();
  await expect(page).toHaveURL(/\/messages\?.*status=bounced/);
  await expect(page.getByRole('heading', { level: 1, name: 'Messages' })).toBeFocused();
});

test('a message is found by a part of its address, and its life can be read and copied', async ({ page }) => {
  const some = await api<Messages>(page, `/messages?since=999d&kind=message&limit=50`);
  const item = some.items.find((each) => each.recipients.length > 0 && each.recipients[0]?.includes('@') && each.queue_id);
  if (!item) throw new Error('the test needs a message with a recipient');
  const part = item.recipients[0]?.slice(0, -2).toUpperCase() ?? '';
  await page.goto('/');
  await expect(page.getByRole('searchbox')).toBeVisible();
  await page.keyboard.press('/');
  await page.keyboard.type(part);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/messages\?.*q=/);
  await page.goto(`/messages?${RANGE}&q=${encodeURIComponent(part)}`);
  await expect(page.locator('.item').first()).toBeVisible();
  await page.getByRole('searchbox').fill(item.queue_id ?? '');
  await expect(page).toHaveURL(new RegExp(`q=${item.queue_id}`));
  await page.locator(`.item[href="/messages/${item.id}"]`).click();
  await expect(page).toHaveURL(`/messages/${item.id}`);
  await expect(page.getByLabel('In one sentence')).toBeVisible();
  await expect(page.getByText('What happened')).toBeVisible();
  await expect(page.locator('.timeline').first()).toContainText('arrived');
  await expect(page.getByLabel('Log lines')).toContainText(item.queue_id ?? '');
  await page.getByRole('button', { name: 'Copy the sentence' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
});

test('refused attempts stand beside messages', async ({ page }) => {
  const refused = await api<Messages>(page, '/messages?since=999d&status=refused&limit=1');
  test.skip(refused.items.length === 0, 'no refusals in this log');
  await page.goto(`/messages?${RANGE}&status=refused`);
  await page.locator('.item').first().click();
  await expect(page.getByRole('heading', { level: 1, name: 'Refused attempt' })).toBeVisible();
  await expect(page.locator('.timeline')).toContainText('connection from');
});

test('nothing found says what was searched', async ({ page }) => {
  await page.goto(`/messages?${RANGE}&q=nobody-at-all@nowhere.invalid`);
  await expect(page.getByText('Nothing found')).toBeVisible();
  await expect(page.locator('.empty')).toContainText('Searched');
});

test('sources show coverage', async ({ page }) => {
  const sources = await api<Sources>(page, '/sources');
  await page.goto('/sources');
  for (const source of sources.sources.slice(0, 3)) await expect(page.getByText(source.name, { exact: true }).first()).toBeVisible();
  const daemon = sources.daemons[0];
  if (daemon) await expect(page.getByRole('row', { name: new RegExp(`^${daemon.daemon.replaceAll('/', '\\/')} `) })).toBeVisible();
  await expect(page.getByText('lines understood')).toBeVisible();
});

test('the page lives by events, without moving its layout', async ({ page }) => {
  await page.goto('/');
  await expect(page.locator('.pulse.live')).toBeVisible();
  await expect(page.locator('.tile .value').first()).not.toHaveText('–');
  const before = await page.locator('.pair').boundingBox();
  await page.waitForEvent('requestfinished', { predicate: (request) => request.url().includes('/summary'), timeout: 20_000 }).catch(() => undefined);
  expect(await page.locator('.pair').boundingBox()).toEqual(before);
});

test('wrong addresses and wrong questions say what to do', async ({ page }) => {
  await page.goto('/no/such/page');
  await expect(page.getByText('There is no page at this address')).toBeVisible();
  await page.goto('/messages/0000000000000000');
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(page.getByRole('link', { name: 'Search the messages' })).toBeVisible();
});

test('a chart brush sets the range', async ({ page }) => {
  await page.goto('/?since=2020-01-01T00:00:00Z');
  await page.goto('/?range=7d');
  // What is wrong stands above the chart and comes in its own answer: only then the chart has its place.
  await expect(page.getByText(/Looked at: \d+ rules/)).toBeVisible();
  const chart = page.locator('.chart .u-over');
  await chart.scrollIntoViewIfNeeded();
  const box = await chart.boundingBox();
  if (!box) throw new Error('no chart');
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.8, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/since=.*until=/);
});

test('deliveries are split, compared, saved as a file, and lead to the messages', async ({ page }) => {
  const groups = await api<Breakdown>(page, '/breakdown?since=999d&by=domain&sort=attempts&limit=50');
  const [first] = groups.rows.filter((row) => row.key !== 'other');
  if (!first) throw new Error('the test needs a delivery');
  await page.goto(`/deliveries?${RANGE}&by=domain&sort=attempts`);
  const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: first.label, exact: true }) });
  await expect(row).toBeVisible();
  const chart = page.getByRole('img', { name: /^Delivered: / });
  await expect(chart).toHaveAttribute('aria-label', new RegExp(first.label.replaceAll('.', '\\.')));
  await page.getByLabel('Compare').selectOption('yes');
  await expect(page).toHaveURL(/compare=yes/);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe('deliveries-by-domain.csv');
  const text = await (await import('node:fs/promises')).readFile(await file.path(), 'utf8');
  expect(text.split('\r\n')[0]).toContain('recipients_attempted');
  expect(text).toContain(first.label);
  await page.getByLabel('Show').selectOption('bounce_rate');
  await expect(page.getByRole('img', { name: /^Bounce rate: / })).toBeVisible();
  await row.getByRole('link', { name: first.label, exact: true }).click();
  await expect(page.getByRole('button', { name: `Remove the filter Recipient domain: ${first.key}` })).toBeVisible();
  await row.getByRole('link').nth(1).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Messages' })).toBeFocused();
  await expect(page).toHaveURL(/domain=/);
});

test('any table can be saved as it stands, and a chart as a picture', async ({ page }) => {
  await page.goto('/sources');
  const card = page.locator('.card', { has: page.getByRole('heading', { name: 'Coverage by daemon' }) });
  await expect(card.getByRole('row').nth(1)).toBeVisible();
  const download = page.waitForEvent('download');
  await card.getByRole('button', { name: /^JSON/ }).click();
  const rows = JSON.parse(await (await import('node:fs/promises')).readFile(await (await download).path(), 'utf8')) as Array<Record<string, string>>;
  expect(rows.length).toBeGreaterThan(1);
  expect(Object.keys(rows[0] ?? {})[0]).toContain('Daemon');
  await page.goto('/deliveries?split=no');
  const picture = await page.getByRole('link', { name: 'PNG' }).getAttribute('href');
  const answer = await page.request.get(picture ?? '');
  expect(answer.headers()['content-type']).toBe('image/png');
  expect((await answer.body()).length).toBeGreaterThan(2000);
});

test('the first page says what was looked at, and what changed', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByText(/Looked at: \d+ rules/)).toBeVisible();
  await expect(page.getByRole('heading', { name: 'What changed' })).toBeVisible();
  const told = await api<{ wrong: Array<{ title: string; page: string }> }>(page, '/attention');
  for (const line of told.wrong.slice(0, 1)) {
    await page.locator('.attention a', { hasText: line.title }).first().click();
    await expect(page).toHaveURL(new RegExp(line.page.split('?')[0] ?? ''));
  }
});

test('failures say what a reply means, and lead to the messages and to the addresses not to be mailed', async ({ page }) => {
  await page.goto(`/failures?${RANGE}`);
  const first = page.locator('.failure').first();
  await first.getByRole('button').first().click();
  await expect(first.getByRole('heading', { name: 'What to do' })).toBeVisible();
  const told = await api<{ groups: Array<{ recipients: number; verdict: { explanation: { title: string } } }> }>(page, '/failures?since=999d&limit=1');
  await expect(first).toContainText(told.groups[0]?.verdict.explanation.title ?? '?');
  const csv = await page.request.get('/api/v1/suppression?format=csv');
  expect(csv.headers()['content-type']).toContain('text/csv');
  await first.getByRole('link', { name: 'All messages with this reason there' }).click();
  await expect(page).toHaveURL(/\/messages\?.*reason=/);
  await expect(page.locator('.item').first()).toBeVisible();
});

test('security shows the refusals and logins of the API', async ({ page }) => {
  const told = await api<{ refused: number; networks: Array<{ network: string }>; users: Array<{ user: string }> }>(page, '/security?since=999d');
  await page.goto(`/security?${RANGE}`);
  await expect(page.getByRole('heading', { name: 'Networks' })).toBeVisible();
  // The host goes on being knocked at between the two questions.
  const shown = Number((await page.locator('.facts dd').first().textContent())?.replaceAll(/\D/g, ''));
  expect(shown).toBeGreaterThanOrEqual(told.refused);
  if (told.networks[0]) await expect(page.getByRole('rowheader', { name: told.networks[0].network })).toBeVisible();
  if (told.users[0]) await expect(page.getByRole('rowheader', { name: told.users[0].user }).first()).toBeVisible();
});

test('numbers of security lead to their rows, one by one', async ({ page }) => {
  await page.goto(`/security?${RANGE}`);
  const failed = page.locator('.facts div', { hasText: 'Failed logins' }).getByRole('link');
  const told = Number((await failed.textContent())?.replaceAll(/\D/g, ''));
  await failed.click();
  await expect(page.getByRole('heading', { level: 1, name: 'Logins' })).toBeVisible();
  await expect(page.getByRole('cell', { name: 'failed' }).first()).toBeVisible();
  await expect(page.getByRole('cell', { name: 'logged in' })).toHaveCount(0);
  const { total } = await api<{ total: number }>(page, '/logins?since=999d&result=failed');
  expect(total).toBeGreaterThanOrEqual(told);
  await page.goto(`/security?${RANGE}`);
  const networks = page.locator('.card', { has: page.getByRole('heading', { name: 'Networks' }) });
  const network = networks.getByRole('row').nth(1);
  const name = ((await network.getByRole('rowheader').textContent()) ?? '').split(' ')[0] ?? '';
  await network.getByRole('link').first().click();
  await expect(page).toHaveURL(new RegExp(`q=${name.replaceAll('.', '\\.')}`));
  // A row names sender and recipient; whom it came from stands in its life.
  await page.locator('.item').first().click();
  await expect(page.locator('main')).toContainText(name.replace(/0\/24$/, ''));
});

test('nothing moves when the answers come, however late', async ({ page }) => {
  for (const size of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    await page.setViewportSize(size);
    let answer = () => {};
    const held = new Promise<void>((done) => { answer = done; });
    await page.route('**/api/v1/attention*', async (route) => {
      await held;
      await route.continue();
    });
    await page.goto('/');
    await expect(page.locator('.tile[data-metric=delivered]')).toBeVisible();
    await expect(page.getByRole('img', { name: /Outcomes over time: Delivered/ })).toBeVisible();
    const places = () => page.evaluate(() => ['.watch', '.tiles', '.chart', '.rates'].map((name) => document.querySelector(name)?.getBoundingClientRect().top));
    const before = await places();
    answer();
    await expect(page.getByText(/Looked at: \d+ rules/)).toBeAttached();
    expect(await places()).toEqual(before);
    await page.unroute('**/api/v1/attention*');
  }
});
