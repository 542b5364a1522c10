// Every page there is, once: tests that hold for all of them go through this list, and one test holds that no route is missing in it.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';
import { readFileSync } from 'node:fs';

/** Pages of the demo: a busy host with trouble, without users. */
export const BUSY = [
  '/', '/?direction=inbound', '/deliveries?compare=yes&by=domain', '/deliveries?split=no', '/failures?range=999d', '/messages', '/messages?q=nobody-at-all@nowhere.invalid',
  '/queue', '/alerts', '/alerts/history', '/alerts/silences', '/alerts/rules', '/alerts/notices', '/security?range=999d', '/security/logins?range=999d', '/domains', '/probes', '/sources', '/settings', '/no/page', '/domains/%',
] as const;

/** Pages of a host with users and probes, as an administrator sees them. */
export const GUARDED = [
  '/', '/domains', '/domains/example.com', '/domains/nowhere.invalid', '/probes', '/probes/mx', '/probes/none', '/settings', '/settings/users', '/settings/tokens', '/settings/sessions', '/settings/audit', '/messages/0000000000000000',
] as const;

/** The doors: without a session. */
export const DOORS = ['/', '/setup'] as const;

/** What the router knows, read from its source: exact paths, and beginnings with a slash at the end. */
export function routes(): string[] {
  const source = readFileSync(new URL('../src/main.tsx', import.meta.url), 'utf8');
  const tabs = ['alerts', 'settings'].map((name) => readFileSync(new URL(`../src/page/${name}.tsx`, import.meta.url), 'utf8')).join('\n');
  const found = [...source.matchAll(/(?:at|path\.value) === '([^']+)'|at\.startsWith\('([^']+)'\)/g)].map((match) => match[1] ?? match[2] ?? '');
  return [...found, ...[...tabs.matchAll(/path: '([^']+)'/g)].map((match) => match[1] ?? '')];
}

/** No serious finding of axe, and nothing wider than the screen. */
export async function holds(page: Page, path: string): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(page.getByText('Asking…')).toHaveCount(0);
  await page.waitForLoadState('load');
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter((each) => each.impact === 'serious' || each.impact === 'critical');
  expect(serious.map((each) => `${path}: ${each.id}: ${each.nodes[0]?.html} ${each.nodes[0]?.failureSummary}`)).toEqual([]);
  const unsaved = await page.evaluate(() => {
    const tables = [...document.querySelectorAll('main table')].filter((table) => !table.closest('.visually-hidden'));
    return tables.filter((table) => !table.closest('.card')?.querySelector('.export button')).map((table) => table.textContent?.slice(0, 80));
  });
  expect(unsaved, `${path}: tables that cannot be saved as a file`).toEqual([]);
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(excess, `${path} is wider than the screen`).toBeLessThanOrEqual(0);
}
