// Every page in both themes and both widths: no serious finding of axe, nothing wider than the screen, no request to elsewhere, no error.
import { expect, test, type Browser } from '@playwright/test';
import type { Messages } from '../src/api';
import { BUSY, DOORS, GUARDED, holds, routes } from './every-page';
import { isBuilt, PASSWORD, PROBES, serve } from './serve';

const SIZES = [
  { name: 'desktop', width: 1400, height: 1000 },
  { name: 'phone', width: 390, height: 844 },
];

test('the list of pages leaves out none that the router knows', () => {
  const known = routes();
  expect(known.length).toBeGreaterThan(20);
  const listed = [...BUSY, ...GUARDED, ...DOORS].map((path) => path.split('?')[0] ?? '');
  const missing = known.filter((route) => !(route.endsWith('/') && route !== '/' ? listed.some((path) => path.startsWith(route)) : listed.includes(route)));
  expect(missing).toEqual([]);
});

async function opened(browser: Browser, base: string, scheme: 'light' | 'dark', size: (typeof SIZES)[number]) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width: size.width, height: size.height }, locale: 'en-GB', baseURL: base });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) wrong.push(request.url());
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  return { page, wrong, context };
}

for (const scheme of ['light', 'dark'] as const) {
  for (const size of SIZES) {
    test(`pages are accessible, ${scheme}, ${size.name}`, async ({ browser, baseURL }) => {
      test.setTimeout(600_000);
      const { page, wrong, context } = await opened(browser, baseURL ?? '', scheme, size);
      const hits = (await (await page.request.get('/api/v1/messages?since=999d&limit=200')).json()) as Messages;
      const lives = [...new Map(hits.items.map((item) => [item.status, item.id])).values()].slice(0, 4);
      for (const path of [...BUSY, ...lives.map((id) => `/messages/${id}`)]) {
        await page.goto(path);
        await holds(page, path);
      }
      expect(wrong).toEqual([]);
      await context.close();
    });
  }
}

test.describe('behind the door', () => {
  test.skip(!isBuilt, 'needs the program: build it, or name it by MAILVANE_BIN');
  test('pages of people and probes are accessible in both themes and widths', async ({ browser }) => {
    test.setTimeout(600_000);
    const served = await serve([['root', 'administrator', []], ['vera', 'viewer', []]], PROBES);
    try {
      for (const scheme of ['light', 'dark'] as const) {
        for (const size of SIZES) {
          const { page, wrong, context } = await opened(browser, served.url, scheme, size);
          for (const path of DOORS) {
            await page.goto(path);
            await holds(page, `the door at ${path}`);
          }
          await page.goto('/');
          await page.getByLabel('Name').fill('root');
          await page.getByLabel('Password').fill(PASSWORD);
          await page.getByRole('button', { name: 'Log in' }).click();
          await expect(page.getByRole('link', { name: 'Settings of root' })).toBeVisible();
          for (const path of GUARDED) {
            await page.goto(path);
            await holds(page, path);
          }
          expect(wrong).toEqual([]);
          await context.close();
        }
      }
    } finally {
      served.stop();
    }
  });
});
