// After the build: writes a .gz beside every text file (the binary serves it as it is) and holds the JavaScript to its budget.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** All JavaScript of the pages together, gzip. */
const BUDGET_BYTES = 90_000;
const dist = new URL('../dist/', import.meta.url);

let script = 0;
const rows = [];
for (const name of readdirSync(dist, { recursive: true })) {
  if (!/\.(js|css|html|svg|txt|webmanifest)$/.test(name)) continue;
  const content = readFileSync(new URL(name, dist));
  const compressed = gzipSync(content, { level: 9 });
  writeFileSync(new URL(`${name}.gz`, dist), compressed);
  if (name.endsWith('.js')) script += compressed.length;
  rows.push([name, content.length, compressed.length]);
}
for (const [name, plain, compressed] of rows.sort()) {
  console.log(`${name.padEnd(32)} ${(plain / 1000).toFixed(1).padStart(7)} kB  ${(compressed / 1000).toFixed(1).padStart(6)} kB gzip`);
}
console.log(`JavaScript in all: ${(script / 1000).toFixed(1)} kB gzip of ${BUDGET_BYTES / 1000} kB`);
if (script > BUDGET_BYTES) {
  console.error('too much JavaScript: take something out, or load it on the page that needs it');
  process.exit(1);
}
