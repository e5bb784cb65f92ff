// Where the page under test comes from: a server that runs already (AUDITNG_URL and AUDITNG_LINK), one that this starts
// (AUDITNG_BIN), or, with --mock, the stand-in of ui/dev.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_DEADLINE_MS = 60_000;
const LOGIN = /(https?:\/\/[^\s"]+\/ui\/login#[^\s"]+)/;

export async function start() {
  if (process.env.AUDITNG_URL && process.env.AUDITNG_LINK) {
    return { origin: new URL(process.env.AUDITNG_URL).origin, link: linkOf(process.env.AUDITNG_LINK), kind: 'given', stop: async () => undefined };
  }
  if (process.argv.includes('--mock')) {
    const mock = new URL('../dev/mock.mjs', import.meta.url).pathname;
    return await run('mock', process.execPath, [mock, ...process.argv.slice(process.argv.indexOf('--mock') + 1)], () => undefined);
  }
  if (!process.env.AUDITNG_BIN) throw new Error('set AUDITNG_BIN to the program, or AUDITNG_URL and AUDITNG_LINK, or pass --mock');
  const dir = mkdtempSync(join(tmpdir(), 'auditng-e2e-'));
  // A folder whose files are watched; the host's own are not, so that no test waits for a scan of them.
  const watched = mkdtempSync(join(process.env.AUDITNG_E2E_WATCHED ?? tmpdir(), 'auditng-watched-'));
  const settings = join(dir, 'agent.toml');
  writeFileSync(settings, `[fim]\nuse_defaults = false\ndir = "${dir}/fim.d"\n[[fim.policy]]\nid = "e2e"\npaths = ["${watched}/**"]\nseverity = "high"\ndiff = { max_file = "1MiB", max_diff = "16KiB" }\n`);
  const args = ['up', '--data-dir', dir, '--listen', '127.0.0.1:0', '--agent-config', settings, ...(process.env.AUDITNG_UP_ARGS ?? '').split(' ').filter(Boolean)];
  const server = await run('auditng', process.env.AUDITNG_BIN, args, () => [dir, watched].forEach((folder) => rmSync(folder, { recursive: true, force: true })));
  server.watched = watched;
  if (process.env.AUDITNG_REPLAY) replay(server.origin, dir);
  return server;
}

/** Fills the store from a recording, to the end, so that counts stand still afterwards. */
function replay(origin, dir) {
  const args = ['replay', process.env.AUDITNG_REPLAY, '--to', origin, '--data-dir', dir];
  const done = spawnSync(process.env.AUDITNG_BIN, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`auditng ${args.join(' ')} ended with ${done.status}: ${done.stderr}`);
}

function linkOf(text) {
  const link = text.includes('#') ? text.slice(text.indexOf('#') + 1) : text;
  return link.trim();
}

async function run(kind, program, args, clean) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const exited = new Promise((resolve) => child.on('exit', resolve));
  const login = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no login link within ${START_DEADLINE_MS / 1000} s; it said:\n${output}`)), START_DEADLINE_MS);
    const hear = (part) => {
      output += part;
      const found = LOGIN.exec(output);
      if (found) resolve(found[1]);
      if (found) clearTimeout(timer);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    exited.then((code) => reject(new Error(`${program} ended with ${code}; it said:\n${output}`)));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    clean();
  };
  return { origin: new URL(login).origin, link: linkOf(login), kind, stop, output: () => output };
}
