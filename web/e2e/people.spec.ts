// Who gets in, and what they see: set-up, login, one-time codes, roles, domains, blurring; and what strangers wrote stays text.
import { createHmac } from 'node:crypto';
import { expect, test, type Page } from '@playwright/test';
import { holds } from './every-page';
import { isBuilt, PASSWORD, serve, type Served } from './serve';

test.skip(!isBuilt, 'needs the program: build it, or name it by MAILVANE_BIN');

const PEOPLE: Array<[string, string, string[]]> = [['root', 'administrator', []], ['vera', 'viewer', []], ['orgy', 'viewer', ['example.org']]];

async function logIn(page: Page, served: Served, name: string, at = '/') {
  await page.goto(served.url + at);
  await expect(page.getByRole('heading', { level: 1, name: 'Log in' })).toBeVisible();
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await expect(page.getByRole('link', { name: `Settings of ${name}` })).toBeVisible();
}

/** RFC 6238: the code of a secret in base32. */
function code(secret: string, steps = 0): string {
  const bits = [...secret].map((each) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(each).toString(2).padStart(5, '0')).join('');
  const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const tag = createHmac('sha1', bytes).update(counter).digest();
  const number = tag.readUInt32BE((tag[19] ?? 0) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

test.describe('before there are users', () => {
  let served: Served;
  test.beforeAll(async () => { served = await serve([]); });
  test.afterAll(() => served.stop());

  test('the one-time link makes the first administrator, and closes the door', async ({ page, browser }) => {
    await page.goto(served.url);
    await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
    await page.goto(`${served.url}/settings`);
    await expect(page.getByText('There are no users yet')).toBeVisible();
    await page.goto(`${served.url}/setup`);
    await expect(page.getByText('lacks the one-time secret')).toBeVisible();
    await page.goto('about:blank');
    await page.goto(served.link ?? '');
    await holds(page, 'set-up');
    await page.getByLabel('Name').fill('root');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Password again').fill('something else');
    await page.getByRole('button', { name: 'Make the administrator' }).click();
    await expect(page.getByRole('alert')).toContainText('differ');
    await page.getByLabel('Password again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Make the administrator' }).click();
    await expect(page.getByRole('link', { name: 'Settings of root' })).toBeVisible();
    expect(page.url()).not.toContain('#');
    const other = await (await browser.newContext()).newPage();
    await other.goto(served.url);
    await expect(other.getByRole('heading', { level: 1, name: 'Log in' })).toBeVisible();
    await other.context().close();
  });
});

test.describe('with users', () => {
  let served: Served;
  test.beforeAll(async () => { served = await serve(PEOPLE); });
  test.afterAll(() => served.stop());

  test('who is not known sees the door on every page, and comes back to the page', async ({ page }) => {
    await page.goto(`${served.url}/sources`);
    await expect(page.getByRole('heading', { level: 1, name: 'Log in' })).toBeVisible();
    await holds(page, 'login');
    await page.getByLabel('Name').fill('vera');
    await page.getByLabel('Password').fill('not this one');
    await page.getByRole('button', { name: 'Log in' }).click();
    await expect(page.getByRole('alert')).toContainText('not right');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Sources' })).toBeVisible();
    await page.getByRole('link', { name: 'Settings of vera' }).click();
    await expect(page.getByRole('link', { name: 'Users' })).toHaveCount(0);
    await page.getByRole('button', { name: 'Log out' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Log in' })).toBeVisible();
  });

  test('an administrator adds and removes users, makes tokens, and reads the audit log', async ({ page }) => {
    await logIn(page, served, 'root', '/settings/users');
    await holds(page, 'users');
    await page.getByLabel('Name').fill('nina');
    await page.getByLabel('Role').selectOption('operator');
    await page.getByLabel('Password').fill('bridge of glass');
    await page.getByRole('button', { name: 'Add the user' }).click();
    const row = page.getByRole('row', { name: /^nina operator/ });
    await expect(row).toBeVisible();
    await row.getByRole('button', { name: 'Remove' }).click();
    await row.getByRole('button', { name: 'Remove nina?' }).click();
    await expect(row).toHaveCount(0);
    await page.getByRole('row', { name: /^root/ }).getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('button', { name: 'Remove root?' }).click();
    await expect(page.getByRole('alert')).toContainText('last administrator');
    await page.getByRole('link', { name: 'Tokens' }).click();
    await page.getByLabel('What it is for').fill('prometheus');
    await page.getByLabel('What it may do').selectOption('metrics');
    await page.getByRole('button', { name: 'Make a token' }).click();
    const token = await page.getByLabel('The new token').textContent();
    expect((await page.request.get(`${served.url}/metrics`, { headers: { authorization: `Bearer ${token}`, cookie: '' } })).ok()).toBe(true);
    await expect(page.getByRole('row', { name: /^prometheus/ })).toBeVisible();
    await holds(page, 'tokens');
    await page.getByRole('link', { name: 'Audit log' }).click();
    await expect(page.getByRole('cell', { name: 'user added' }).first()).toBeVisible();
    await holds(page, 'audit log');
    await page.getByRole('link', { name: 'Sessions' }).click();
    await expect(page.getByRole('rowheader', { name: 'root' }).first()).toBeVisible();
    await holds(page, 'sessions');
  });

  test('one-time codes are turned on, asked for, and turned off', async ({ page }) => {
    await logIn(page, served, 'vera', '/settings');
    await holds(page, 'account');
    const card = page.locator('.card', { has: page.getByRole('heading', { name: 'One-time codes' }) });
    await card.getByLabel('Your password').fill(PASSWORD);
    await card.getByRole('button', { name: 'Begin' }).click();
    const secret = ((await card.getByLabel('Key').textContent()) ?? '').replaceAll(' ', '');
    await card.getByLabel('The code that the app shows').fill(code(secret));
    await card.getByRole('button', { name: 'Turn them on' }).click();
    await expect(card.getByLabel('Recovery codes')).toContainText('-');
    await card.getByRole('button', { name: 'I have kept them' }).click();
    await expect(card).toContainText('10 recovery codes are left');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Name').fill('vera');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByLabel('One-time code').fill(code(secret, 1));
    await page.getByRole('button', { name: 'Log in' }).click();
    await expect(page.getByRole('link', { name: 'Settings of vera' })).toBeVisible();
    await page.goto(`${served.url}/settings`);
    await card.getByLabel('Your password').fill(PASSWORD);
    await card.getByRole('button', { name: 'Turn them off' }).click();
    await expect(card.getByRole('button', { name: 'Begin' })).toBeVisible();
  });

  test('who may see one domain sees its mail and no other', async ({ page }) => {
    await logIn(page, served, 'orgy', '/messages?range=7d');
    await expect(page.locator('.item')).toHaveCount(1);
    await expect(page.locator('.item')).toContainText('evelyn@example.org');
    await expect(page.locator('body')).not.toContainText('example.net');
    await page.goto(`${served.url}/`);
    await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
    await expect(page.locator('body')).not.toContainText('example.net');
  });

  test('a session that was ended elsewhere leads to the door', async ({ page, browser }) => {
    await logIn(page, served, 'vera');
    const other = await (await browser.newContext()).newPage();
    await logIn(other, served, 'root', '/settings/sessions');
    const row = other.getByRole('row', { name: /^vera/ }).first();
    await row.getByRole('button', { name: 'End' }).click();
    await row.getByRole('button', { name: 'End it?' }).click();
    await page.goto(`${served.url}/messages`);
    await expect(page.getByRole('heading', { level: 1, name: 'Log in' })).toBeVisible();
    await other.context().close();
  });

  test('what strangers wrote is shown as text', async ({ page }) => {
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    await logIn(page, served, 'root', '/messages?range=7d');
    await expect(page.locator('.item').first()).toBeVisible();
    await expect(page.locator('body')).toContainText('</script>');
    for (const text of ['script', 'evelyn']) {
      await page.goto(`${served.url}/messages?range=7d&q=${text}`);
      await page.locator('.item').first().click();
      await expect(page.getByText('What happened')).toBeVisible();
    }
    await expect(page.locator('body')).toContainText('<img src=x onerror=window.hurt=1>');
    // A subject that the log quotes: its control characters are shown, and do nothing.
    await page.goto(`${served.url}/messages?range=7d&q=script`);
    await page.locator('.item').first().click();
    await expect(page.getByLabel('Log lines')).toContainText('header Subject: <b>Offer</b> \u2407\u241b[31mred \u2039202e\u203aoffe from');
    expect(await page.evaluate(() => /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/.test(document.body.innerText))).toBe(false);
    expect(await page.evaluate(() => 'hurt' in window)).toBe(false);
    expect(said.filter((text) => text.includes('Content Security Policy'))).toEqual([]);
  });
});

test('a role that may not see addresses is shown none', async ({ page }) => {
  const served = await serve([['root', 'administrator', []], ['vera', 'viewer', []]], '[access]\nblur = ["viewer"]\n');
  try {
    await logIn(page, served, 'vera', '/messages?range=7d');
    await expect(page.locator('.item').first()).toBeVisible();
    await expect(page.locator('body')).toContainText('***@example');
    for (const local of ['annabel', 'robert', 'evelyn', 'kimberly']) await expect(page.locator('body')).not.toContainText(local);
  } finally {
    served.stop();
  }
});

test('the first page leads from nothing to live data', async ({ page }) => {
  const served = await serve([], '[alerts]\nlist_queue = false\n', null);
  try {
    await page.goto(served.url);
    await expect(page.getByRole('heading', { name: 'No mail log to read yet' })).toBeVisible();
    await expect(page.getByText('mailvane serve /var/log/mail.log')).toBeVisible();
    await holds(page, 'first run');
    served.write();
    // It fills by itself.
    await expect(page.getByRole('heading', { name: 'No mail log to read yet' })).toHaveCount(0, { timeout: 60_000 });
    await expect(page.locator('.tile[data-metric=delivered] .value')).toHaveText('1', { timeout: 60_000 });
  } finally {
    served.stop();
  }
});
