// A real container of this host, made of busybox alone: for what the page must show of it.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = ['--cgroup-manager=cgroupfs', '--runtime=runc', '--events-backend=file'];
const podman = (...args) => spawnSync('podman', [...FLAGS, ...args], { encoding: 'utf8', timeout: 60_000 });

/** Starts a container that runs programs of a few milliseconds and then waits; `why` says what is missing. */
export function runContainer() {
  for (const [program, arg] of [['podman', '--version'], ['runc', '--version']]) {
    if (spawnSync(program, [arg]).status !== 0) return { why: `${program} is missing` };
  }
  if (!existsSync('/bin/busybox')) return { why: 'busybox is missing' };
  const dir = mkdtempSync(join(tmpdir(), 'auditng-e2e-'));
  const name = `e2e-web-${Date.now().toString(36)}`;
  const image = `localhost/auditng-e2e:${name}`;
  const stop = () => {
    podman('rm', '--force', '--time=0', name);
    podman('rmi', '--force', image);
    rmSync(dir, { recursive: true, force: true });
  };
  const root = join(dir, 'root');
  for (const folder of ['bin', 'etc', 'proc', 'dev', 'tmp']) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  symlinkSync('busybox', join(root, 'bin/sh'));
  const layer = join(dir, 'layer.tar');
  const script = 'for i in 1 2 3 4 5 6 7 8 9; do /bin/busybox true; done; /bin/busybox nothing-of-this-name; exec /bin/busybox sleep 600';
  const steps = [
    () => spawnSync('tar', ['-C', root, '-cf', layer, '.'], { encoding: 'utf8' }),
    () => podman('import', layer, image),
    () => podman('run', '--detach', '--network=none', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000', '--name', name, image, '/bin/sh', '-c', script),
  ];
  for (const step of steps) {
    const done = step();
    if (done.status === 0) continue;
    stop();
    return { why: `podman cannot start one here: ${(done.stderr || String(done.error)).trim().split('\n').pop()}` };
  }
  return { name, image, stop };
}
