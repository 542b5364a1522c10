// Alerts and the queue in a real browser: what goes on, a silence made and ended, a rule tried before it is put in force.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@playwright/test';
import { holds } from './every-page';
import { isBuilt, serve, type Served } from './serve';

test.skip(!isBuilt, 'needs the program: build it, or name it by MAILVANE_BIN');

let served: Served;
test.beforeAll(async () => { served = await serve([], '[alerts]\nlist_queue = false\n'); });
test.afterAll(() => served.stop());
test.beforeEach(({ page }) => {
  page.on('pageerror', (error) => {
    throw error;
  });
});

test('what goes on and who is told', async ({ page }) => {
  await page.goto(`${served.url}/alerts`);
  await expect(page.getByRole('heading', { level: 1, name: 'Alerts' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Who is told' })).toBeVisible();
  await expect(page.getByText('mailvane alerts test')).toBeVisible();
  await holds(page, 'alerts');
  for (const tab of ['History', 'Notices']) {
    await page.getByRole('navigation', { name: 'Alerts' }).getByRole('link', { name: tab }).click();
    await expect(page.getByRole('link', { name: tab })).toHaveAttribute('aria-current', 'page');
    await holds(page, tab);
  }
});

test('a silence is made, shown and ended', async ({ page }) => {
  await page.goto(`${served.url}/alerts/silences`);
  await page.getByLabel('About').fill('example.net');
  await page.getByLabel('Why').fill('<b>they move</b>');
  await page.getByRole('button', { name: 'Tell nobody' }).click();
  const row = page.getByRole('row', { name: /example\.net/ });
  await expect(row).toContainText('<b>they move</b>');
  await holds(page, 'silences');
  await row.getByRole('button', { name: 'End' }).click();
  await row.getByRole('button', { name: 'End it?' }).click();
  await expect(row).toContainText('(over)');
  await page.getByRole('button', { name: 'Tell nobody' }).click();
  await expect(page.getByRole('alert')).toContainText('say what is to be silent');
});

test('a rule is tried before it is put in force', async ({ page }) => {
  await page.goto(`${served.url}/alerts/rules`);
  await page.getByRole('button', { name: 'A provider blocks us' }).click();
  await page.getByRole('button', { name: 'Try it' }).click();
  await expect(page.getByRole('status').filter({ hasText: /Nothing would have fired|incidents/ })).toBeVisible();
  const text = page.getByLabel(/The rule, to be edited/);
  await text.fill((await text.inputValue()).replace('min_of', 'min_off'));
  await page.getByRole('button', { name: 'Try it' }).click();
  await expect(page.getByRole('alert')).toContainText('did you mean `min_of`?');
  await holds(page, 'rules');
});

test('a test notice is sent from the page, and what came of it is told', async ({ page }) => {
  // A receiver of webhooks that keeps what it is sent.
  const got: string[] = [];
  const hook = createServer((request, response) => {
    let body = '';
    request.on('data', (bytes) => (body += String(bytes)));
    request.on('end', () => {
      got.push(body);
      response.end('thanks');
    });
  });
  await new Promise<void>((done) => hook.listen(0, '127.0.0.1', done));
  const { port } = hook.address() as AddressInfo;
  const other = await serve([], `[alerts]\nlist_queue = false\n[[notify.ops.route]]\nkind = "webhook"\nurl = "http://127.0.0.1:${port}/hook"\n`);
  try {
    await page.goto(`${other.url}/alerts`);
    await page.getByRole('button', { name: 'Send a test notice' }).click();
    expect(got).toEqual([]);
    await page.getByRole('button', { name: 'Send one to ops?' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'on its way' })).toBeVisible();
    await holds(page, 'alerts with a receiver');
    await page.getByRole('link', { name: 'what came of it' }).click();
    const notice = page.getByRole('listitem').filter({ hasText: 'Test notice of Mailvane' });
    await expect(notice).toBeVisible();
    await expect(async () => {
      await page.reload();
      await expect(notice.getByText('accepted').first()).toBeVisible({ timeout: 1000 });
    }).toPass();
    expect(got.join('\n')).toContain('This is a test');
  } finally {
    other.stop();
    hook.close();
  }
});

test('the queue as far as it is known', async ({ page }) => {
  await page.goto(`${served.url}/queue`);
  await expect(page.getByRole('heading', { level: 1, name: 'Queue' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'In the queue now' })).toBeVisible();
  await holds(page, 'queue');
});
