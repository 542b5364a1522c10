// Browser tests against a running Mailvane (MAILVANE_URL), or the mock when none is given. The browser is the system's Chromium.
import { defineConfig } from '@playwright/test';

const given = process.env['MAILVANE_URL'];
const url = given ?? 'http://127.0.0.1:8625';

export default defineConfig({
  testDir: 'e2e',
  timeout: 60_000,
  // The machine of a test run is often busy with a build.
  expect: { timeout: 15_000 },
  fullyParallel: false,
  workers: 1,
  forbidOnly: true,
  reporter: [['list']],
  use: {
    baseURL: url,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
  ...(given ? {} : { webServer: { command: 'node mock/server.mjs --mode demo', url, reuseExistingServer: true } }),
});
