// Domains and probes on the real program: nobody listens on a port of this host, which is a problem within two runs.
import { expect, test } from '@playwright/test';
import { holds } from './every-page';
import { isBuilt, PROBES, serve, type Served } from './serve';

test.skip(!isBuilt, 'needs the program: build it, or name it by MAILVANE_BIN');

test.describe('domains and probes', () => {
  let served: Served;
  test.beforeAll(async () => {
    served = await serve([], PROBES);
  });
  test.afterAll(() => served.stop());

  test('a problem is told when a second run bears it out, with what to do and the evidence', async ({ page }) => {
    await page.goto(`${served.url}/probes`);
    await page.getByRole('link', { name: 'mx', exact: true }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Probe mx' })).toBeVisible();
    await expect(page.getByText('a second run has to bear it out')).toBeVisible({ timeout: 20_000 });
    await page.getByRole('button', { name: 'Run now' }).click();
    const finding = page.locator('.finding', { hasText: 'Nobody listens at 127.0.0.1:1' }).first();
    await expect(finding.getByText('problem')).toBeVisible({ timeout: 20_000 });
    await expect(finding).toContainText('To do: Is the service running');
    await finding.getByText('Evidence').click();
    await expect(finding.locator('pre').first()).toContainText('connection refused');
    await expect(page.locator('.card', { hasText: 'Changes' }).getByText('smtp.connect of 127.0.0.1:1')).toBeVisible();
    await holds(page, 'a probe');
  });

  test('a domain whose name server is silent has no problem, and its page can be opened by its address', async ({ page }) => {
    await page.goto(`${served.url}/domains/example.com`);
    await expect(page.getByRole('heading', { level: 1, name: 'example.com' })).toBeVisible();
    await expect(page.getByText('Nothing wants anything.')).toBeVisible({ timeout: 60_000 });
    await expect(page.getByText(/\d+ problems?/)).toHaveCount(0);
    await holds(page, 'a domain');
    await page.getByRole('link', { name: 'All domains' }).click();
    await expect(page.getByRole('row', { name: /example\.com/ })).toBeVisible();
    await holds(page, 'domains');
  });
});
