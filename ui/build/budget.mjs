// Fails the build when the page outgrows its promise: what the first view needs (script and style, gzip) and the size of
// every chunk. Run after `vite build`.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url).pathname;
const INITIAL_LIMIT = 60_000;
const CHUNK_LIMIT = 40_000;
const FIRST_VIEW = 'src/views/search/Search.svelte';

const manifest = JSON.parse(readFileSync(join(dist, 'manifest.json'), 'utf8'));
const gzipped = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;

function filesOf(key, seen = new Set()) {
  const chunk = manifest[key];
  if (!chunk || seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const style of chunk.css ?? []) seen.add(style);
  for (const needed of chunk.imports ?? []) filesOf(needed, seen);
  return seen;
}

const initial = new Set([...filesOf('index.html'), ...filesOf(FIRST_VIEW)]);
const problems = [];
let total = 0;
for (const file of readdirSync(join(dist, 'assets')).map((name) => `assets/${name}`)) {
  const size = gzipped(file);
  if (initial.has(file)) total += size;
  if (size > CHUNK_LIMIT) problems.push(`${file} is ${size} bytes gzip, more than ${CHUNK_LIMIT}`);
  console.log(`${String(size).padStart(7)} B gzip  ${initial.has(file) ? 'first' : 'later'}  ${file}`);
}
console.log(`${String(total).padStart(7)} B gzip  for the first view (limit ${INITIAL_LIMIT})`);
if (!manifest[FIRST_VIEW]) problems.push(`${FIRST_VIEW} is not a chunk of its own`);
if (total > INITIAL_LIMIT) problems.push(`the first view needs ${total} bytes, more than ${INITIAL_LIMIT}`);

// The server hands these out to browsers that accept them.
for (const file of ['index.html', ...readdirSync(join(dist, 'assets')).map((name) => `assets/${name}`)]) {
  if (/\.(br|gz)$/.test(file)) continue;
  const body = readFileSync(join(dist, file));
  writeFileSync(join(dist, `${file}.gz`), gzipSync(body, { level: 9 }));
  writeFileSync(join(dist, `${file}.br`), brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}

// Of no use to the server, and not to be handed out.
rmSync(join(dist, 'manifest.json'));

for (const problem of problems) console.error(`budget: ${problem}`);
process.exit(problems.length === 0 ? 0 : 1);
