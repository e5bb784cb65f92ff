// Made-up events for working on the page without a server. Seeded: the same seed gives the same events.
// Nothing here is real data, and nothing here is shipped.

export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const HOSTS = ['web-1', 'web-2', 'db-1', 'build-7'];
const USERS = [['root', '0'], ['www-data', '33'], ['deploy', '1000'], ['postgres', '108'], ['alice', '1001']];
const COMMANDS = [
  ['/usr/bin/curl', ['curl', '-fsS', 'https://registry.example/v2/']],
  ['/usr/bin/runc', ['runc', '--root', '/run/containerd/runc/k8s.io', 'state', '6b1f0d']],
  ['/usr/bin/ps', ['ps', '-eo', 'pid,ppid,comm']],
  ['/usr/bin/git', ['git', 'fetch', '--prune', 'origin']],
  ['/usr/sbin/nginx', ['nginx', '-s', 'reload']],
  ['/bin/sh', ['sh', '-c', 'cat /proc/loadavg | cut -d" " -f1']],
  ['/usr/bin/python3.11', ['python3', '/opt/jobs/rotate.py', '--keep', '14']],
  ['/usr/bin/sudo', ['sudo', '-n', 'systemctl', 'restart', 'nginx']],
];
const FILES = ['/etc/shadow', '/etc/passwd', '/etc/ssh/sshd_config', '/root/.ssh/authorized_keys', '/var/lib/app/state.json', '/etc/cron.d/backup'];
const HOSTILE = [
  'invoice\u202egpj.exe', '<img src=x onerror=alert(1)>', '\u001b[31mred\u001b[0m', 'a\u200bb\u200dc\ufeff', 'nul\0byte', 'line\nbreak\ttab', 'شروع',
  `${'A'.repeat(65_536)}`,
];

export const AGENT = '5e1f0c9a7b32';

export function makeEvent(n, time, rnd) {
  const pick = (list) => list[Math.floor(rnd() * list.length)];
  const host = pick(HOSTS);
  const [user, uid] = pick(USERS);
  const [executable, args] = pick(COMMANDS);
  const pid = 1000 + Math.floor(rnd() * 60_000);
  const id = `${AGENT}-00000001-1${n.toString(16).padStart(11, '0')}`;
  const kind = rnd();
  const fails = rnd() < (kind < 0.55 ? 0.03 : 0.15);
  const at = new Date(time).toISOString();
  const source = {
    '@timestamp': at,
    agent: { id: AGENT, name: host, type: 'auditng', version: '0.0.0' },
    auditd: { message_type: 'syscall', result: fails ? 'fail' : 'success', session: String(2 + Math.floor(rnd() * 6)), data: { a0: '7ffd1c', syscall: 'execve', tty: 'pts0' } },
    ecs: { version: '8.17.0' },
    event: { dataset: 'auditng.audit', kind: 'event', module: 'auditd', outcome: fails ? 'failure' : 'success', id, sequence: 400_000 + n },
    host: { name: host, os: { type: 'linux' } },
    process: { name: executable.split('/').pop(), executable, pid, parent: { pid: 900 + Math.floor(rnd() * 90), name: 'bash' }, args, args_count: args.length, working_directory: '/srv', entity_id: `${host}-${pid % 40}` },
    user: { name: user, id: uid, effective: { name: user, id: uid } },
  };
  if (kind < 0.55) Object.assign(source.event, { action: ['executed'], category: ['process'], type: ['start'] });
  else if (kind < 0.8) {
    Object.assign(source.event, { action: [pick(['opened-file', 'changed-file-permissions-of', 'renamed'])], category: ['file'], type: ['change'] });
    source.file = { path: pick(FILES), mode: '0640', inode: String(Math.floor(rnd() * 1e6)) };
    delete source.process.args;
  } else if (kind < 0.94) {
    Object.assign(source.event, { action: ['connected-to'], category: ['network'], type: ['connection', 'start'] });
    source.destination = { ip: pick(['10.0.4.17', '192.0.2.8', '2001:db8::5']), port: pick([443, 5432, 22, 6443]) };
    delete source.process.args;
  } else {
    Object.assign(source.event, { action: ['logged-in'], category: ['authentication'], type: ['start'] });
    source.source = { ip: '198.51.100.23' };
    delete source.process.args;
  }
  if (fails) source.auditng = { errno: pick(['EACCES', 'ENOENT', 'ECONNREFUSED']) };
  const stamp = `${(time / 1000).toFixed(3)}:${400_000 + n}`;
  source.event.original = [
    `type=SYSCALL msg=audit(${stamp}): arch=c000003e syscall=59 success=${fails ? 'no exit=-13' : 'yes exit=0'} a0=55d0c8 a1=55d0e0 items=2 ppid=${source.process.parent.pid} pid=${pid} auid=1000 uid=${uid} gid=${uid} ses=${source.auditd.session} comm="${source.process.name}" exe="${executable}" key="exec"`,
    `type=CWD msg=audit(${stamp}): cwd="/srv"`,
    `type=PATH msg=audit(${stamp}): item=0 name="${executable}" inode=1311 dev=fe:01 mode=0100755 ouid=0 ogid=0 nametype=NORMAL`,
  ].join('\n');
  if (n % 997 === 5) {
    source.process.args = ['cat', HOSTILE[Math.floor(n / 997) % HOSTILE.length]];
    Object.assign(source.event, { action: ['executed'], category: ['process'] });
    delete source.file;
    delete source.destination;
    source.auditng = { ...source.auditng, escaped: ['process.args'] };
  }
  return source;
}

export function lossEvent(n, time) {
  return {
    '@timestamp': new Date(time).toISOString(),
    agent: { id: AGENT, name: 'web-1' },
    auditng: { loss: { stage: 'kernel', reason: 'kernel-lost', count: 128, unit: 'records' } },
    event: { action: ['source-loss'], dataset: 'auditng.health', kind: 'event', outcome: 'failure', id: `${AGENT}-00000001-0${n.toString(16).padStart(11, '0')}` },
    host: { name: 'web-1' },
  };
}
