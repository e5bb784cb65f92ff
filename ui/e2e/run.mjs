// The page, end to end, in a real browser: log in, search, brush, open, filter, back, tail, keyboard alone, both colour
// schemes, accessibility. See server.mjs for where the server comes from.
//
//   AUDITNG_BIN=target/debug/auditng node ui/e2e/run.mjs [--out DIR] [--only 'NAME;NAME']
//
// Needs events with an outcome: this host's, or a recording that is replayed first (AUDITNG_REPLAY=FILE with AUDITNG_BIN).
// Where kernel audit is on, the live part runs a program of its own and waits for it on the page; otherwise it watches events
// sent through `_bulk` and says so, or fails with AUDITNG_LIVE=require. AUDITNG_UP_ARGS adds arguments to `auditng up` (--no-agent).
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { open } from './browser.mjs';
import { start } from './server.mjs';
import { steps } from './steps.mjs';

const option = (name, usual) => (process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : usual);
const out = option('out', process.env.AUDITNG_E2E_OUT ?? 'target/e2e');
const only = option('only', '');
mkdirSync(out, { recursive: true });

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const server = await start();
console.log(`server: ${server.kind} at ${server.origin}`);
const world = { server, out, axeSource, notes: [], ...(await open(server.origin)) };
world.page = await world.context.newPage();
world.page.setDefaultTimeout(10_000);
world.shot = (name, page = world.page) => page.screenshot({ path: join(out, `${name}.png`) });

let failed = 0;
try {
  for (const [name, step] of Object.entries(steps)) {
    if (only !== '' && !only.split(';').includes(name) && name !== 'log in by link') continue;
    const began = performance.now();
    try {
      await step(world);
      const unexpected = world.complaints.splice(0);
      if (unexpected.length > 0) throw new Error(unexpected.join('\n'));
      console.log(`ok    ${name} (${Math.round(performance.now() - began)} ms)${world.notes.splice(0).map((note) => `\n      ${note}`).join('')}`);
    } catch (error) {
      failed += 1;
      world.complaints.splice(0);
      await world.shot(`failed-${name.replaceAll(/\W+/g, '-')}`).catch(() => undefined);
      console.log(`FAIL  ${name}\n${error.stack}`);
      if (name === 'log in by link') break;
    }
  }
} finally {
  await world.browser.close();
  await server.stop();
}
console.log(failed === 0 ? 'all steps passed' : `${failed} steps failed; pictures in ${out}`);
process.exit(failed === 0 ? 0 : 1);
