// How the pages are built: modern browsers, hashed names under assets/, nothing inline (the page runs under a strict CSP).
import { defineConfig } from 'vitest/config';

const api = process.env['MAILVANE_URL'] ?? 'http://127.0.0.1:8624';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': { target: api } } },
  test: { include: ['test/**/*.test.ts'], environment: 'node', testTimeout: 60_000 },
});
