// Every page in both themes and both widths: no serious finding of axe, nothing wider than the screen, no request to elsewhere.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import type { Messages } from '../src/api';

const SIZES = [
  { name: 'desktop', width: 1400, height: 1000 },
  { name: 'phone', width: 390, height: 844 },
];

for (const scheme of ['light', 'dark'] as const) {
  for (const size of SIZES) {
    test(`pages are accessible, ${scheme}, ${size.name}`, async ({ browser, baseURL }) => {
      test.setTimeout(600_000);
      const context = await browser.newContext({ colorScheme: scheme, viewport: { width: size.width, height: size.height }, locale: 'en-GB', baseURL: baseURL ?? '' });
      const page = await context.newPage();
      const elsewhere: string[] = [];
      page.on('request', (request) => {
        if (!request.url().startsWith(baseURL ?? '')) elsewhere.push(request.url());
      });
      const hits = (await (await page.request.get('/api/v1/messages?since=999d&limit=200')).json()) as Messages;
      const lives = [...new Map(hits.items.map((item) => [item.status, item.id])).values()].slice(0, 4);
      for (const path of ['/', '/deliveries?compare=yes&by=domain', '/failures?range=999d', '/messages', '/messages?q=nobody-at-all@nowhere.invalid', '/security?range=999d', '/sources', '/no/page', ...lives.map((id) => `/messages/${id}`)]) {
        await page.goto(path);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        await expect(page.getByText('Asking…')).toHaveCount(0);
        const { violations } = await new AxeBuilder({ page }).analyze();
        const serious = violations.filter((each) => each.impact === 'serious' || each.impact === 'critical');
        expect(serious.map((each) => `${path}: ${each.id}: ${each.nodes[0]?.html} ${each.nodes[0]?.failureSummary}`)).toEqual([]);
        const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(excess, `${path} is wider than the screen`).toBeLessThanOrEqual(0);
      }
      expect(elsewhere).toEqual([]);
      await context.close();
    });
  }
}
