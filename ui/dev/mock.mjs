// A stand-in for the server while working on the page: docs/api.md with made-up events. For development and for trying the
// end-to-end test only; it is not shipped, checks no rights and keeps nothing.
//
//   node dev/mock.mjs [--port 9281] [--events 60000] [--rate 8] [--hours 2]
//
// Prints the URL and a login link like `auditng up`. `POST /mock/faults` with any of {"windows": true, "behind": true,
// "errors": true, "logout": true, "burst": 20000} makes things go wrong.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { AGENT, lossEvent, makeEvent, random } from './events.mjs';
import { parse, QueryError } from './query.mjs';

const option = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? usual : Number(process.argv[at + 1]);
};
const PORT = option('port', 0);
const EVENTS = option('events', 60_000);
const HOURS = option('hours', 2);
const DIST = new URL('../dist/', import.meta.url).pathname;
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
const LINK = 'mock-link';

let rate = option('rate', 8);
const faults = { windows: false, behind: false, errors: false };
const sessions = new Set();
const saved = new Map([['Failed sudo', { name: 'Failed sudo', query: 'process.name:sudo event.outcome:failure', columns: [], from: 'now-24h', to: '', owner: 'admin' }]]);
const tokens = [];
const started = new Date();
const rnd = random(7);
const events = [];
let seq = 0;

const flatten = (object, prefix = '', out = new Map()) => {
  for (const [key, value] of Object.entries(object)) {
    const name = prefix + key;
    if (value && typeof value === 'object' && !Array.isArray(value)) flatten(value, `${name}.`, out);
    else out.set(name, Array.isArray(value) ? value : [value]);
  }
  return out;
};

function add(source) {
  const flat = flatten(source);
  const event = { id: source.event.id, seq: ++seq, time: Date.parse(source['@timestamp']), source, flat, words: [...flat.values()].flat().join(' ').slice(0, 2000).toLowerCase() };
  events.push(event);
  return event;
}

const begin = Date.now() - HOURS * 3_600_000;
for (let n = 0; n < EVENTS; n++) {
  const time = begin + (n / EVENTS) * HOURS * 3_600_000;
  const wave = Math.sin(n / (EVENTS / 9)) > 0.93 ? 0.5 : 1;
  if (rnd() < wave) add(n % 9001 === 4000 ? lossEvent(n, time) : makeEvent(n, Math.round(time), rnd));
}

const NUMBERS = new Set(['process.pid', 'process.parent.pid', 'destination.port', 'event.sequence', 'process.args_count', 'auditng.loss.count']);
const KINDS = { 'event.original': 'stored', '@timestamp': 'date', 'destination.ip': 'ip', 'source.ip': 'ip', 'file.path': 'path', 'process.executable': 'path' };
const seen = new Set(events.slice(-5000).flatMap((event) => [...event.flat.keys()]).concat('auditng.loss.stage', 'auditng.loss.reason', 'auditng.loss.count'));
const fieldList = [...seen].map((name) => ({ name, kind: NUMBERS.has(name) ? 'long' : (KINDS[name] ?? 'keyword'), many: false, seen: true }))
  .concat(['container.id', 'container.image.name', 'dns.question.name'].map((name) => ({ name, kind: 'keyword', many: false, seen: false })))
  .sort((a, b) => (a.name < b.name ? -1 : 1));
const known = new Set(fieldList.map((field) => field.name));

class HttpError extends Error {
  constructor(status, body) {
    super(body.message);
    this.status = status;
    this.body = { status, ...body };
  }
}

function compile(query) {
  try {
    return parse(query ?? '', known);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new HttpError(400, { code: 'query_syntax', message: `The query cannot be read: ${error.message}.`, advice: error.problem.advice, problems: [error.problem] });
  }
}

function when(text, now, usual) {
  if (text === undefined || text === '' || text === null) return usual;
  if (typeof text === 'number' || /^\d+$/.test(text)) return Number(text);
  const math = /^now(?:-(\d+)([smhdwM]))?(\/d)?$/.exec(text);
  if (!math) return Date.parse(text);
  const at = now - (math[1] ? Number(math[1]) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, M: 2592e6 }[math[2]] : 0);
  return math[3] ? Math.floor(at / 864e5) * 864e5 : at;
}

const streamOf = (event) => (event.source.event.dataset ?? '').replace('auditng.', '') || 'audit';
const sortKey = (event, field) => (field === '@timestamp' ? event.time : (event.flat.get(field)?.[0] ?? ''));

function select(body) {
  const now = Date.now();
  const filter = compile(body.query);
  const from = when(body.from, now, 0);
  const to = when(body.to, now, Number.MAX_SAFE_INTEGER);
  const found = events.filter((e) => e.time >= from && e.time <= to && filter.test(e) && (!body.streams?.length || body.streams.includes(streamOf(e))));
  return { found, filter, from, to, now };
}

function search(body) {
  if (faults.errors) throw new HttpError(503, { code: 'windows_failed', message: '1 of the store’s windows could not be read, first 2026112407: checksum does not match.', advice: 'Allow a partial answer, or restore the window.' });
  const began = performance.now();
  const { found, filter, from, to, now } = select(body);
  const [[field, order]] = Object.entries(body.sort?.[0] ?? { '@timestamp': 'desc' });
  const sign = order === 'asc' ? 1 : -1;
  const compare = (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0) * sign;
  const keyed = found.map((event) => [sortKey(event, field), event.id, event]).sort(compare);
  const after = body.search_after ? keyed.findIndex((key) => compare(key, body.search_after) > 0) : 0;
  const page = after === -1 ? [] : keyed.slice(after, after + (body.size ?? 50));
  const limit = body.track_total ?? 10_000;
  return {
    took_ms: Math.max(1, Math.round(performance.now() - began)), now: new Date(now).toISOString(),
    from_ms: body.from === undefined ? undefined : from, to_ms: body.to === undefined ? (body.from === undefined ? undefined : now) : to,
    parsed: filter.text, notes: [], total: found.length > limit && limit > 0 ? { value: limit, relation: 'gte' } : { value: found.length, relation: 'eq' },
    hits: page.map(([key, id, e]) => ({ id, index: `logs-auditng.${streamOf(e)}-default`, seq: e.seq, source: e.source, sort: [key, id] })),
    aggregations: Object.fromEntries(Object.entries(body.aggs ?? {}).map(([name, agg]) => [name, aggregate(found, agg)])),
    searchable_through: seq, windows: { searched: 2, pruned: 5, failed: faults.windows ? [{ name: '2026112407', reason: 'checksum does not match' }] : [] }, timed_out: false,
  };
}

function aggregate(found, agg) {
  if (agg.min) return { value: Math.min(...found.map((e) => e.time)) };
  if (agg.max) return { value: found.reduce((most, e) => Math.max(most, e.time), 0) };
  const groups = new Map();
  const put = (key, event) => (groups.get(key) ?? groups.set(key, []).get(key)).push(event);
  if (agg.date_histogram) {
    const [, n, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(agg.date_histogram.fixed_interval);
    const width = Number(n) * { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[unit];
    for (const e of found) put(Math.floor(e.time / width) * width, e);
  } else if (agg.terms) for (const e of found) for (const v of e.flat.get(agg.terms.field) ?? []) put(v, e);
  else throw new HttpError(400, { code: 'aggregation_unknown', message: 'the mock does not know this aggregation' });
  let buckets = [...groups].map(([key, inside]) => ({
    key, doc_count: inside.length, ...Object.fromEntries(Object.entries(agg.aggs ?? {}).map(([name, sub]) => [name, aggregate(inside, sub)])),
  }));
  if (agg.date_histogram) return { buckets: buckets.sort((a, b) => a.key - b.key) };
  buckets.sort((a, b) => b.doc_count - a.doc_count);
  const size = agg.terms.size ?? 10;
  return { buckets: buckets.slice(0, size), sum_other_doc_count: buckets.slice(size).reduce((sum, b) => sum + b.doc_count, 0) };
}

function agents() {
  const taken = seq * 6;
  return [
    {
      id: AGENT, name: 'web-1', version: '0.0.0', last_seen: new Date().toISOString(), state: faults.behind ? 'warn' : 'ok', lag_ms: faults.behind ? 620_000 : 210, clock_skew_ms: 14,
      sources: [
        { name: 'audit', state: 'on', reason: 'netlink unicast, 31 rules' }, { name: 'ebpf', state: 'off', reason: 'built without the feature ebpf' },
        { name: 'fim', state: 'degraded', reason: 'fanotify without pidfd: kernel 5.10, writers may be unknown' }, { name: 'journald', state: 'off', reason: 'no journal at /run/log/journal' },
      ],
      spool: { high: { first: 410, next: 412, bytes: 4096 }, normal: { first: seq - 20, next: seq, bytes: 69_632 }, low: { first: 9, next: 9, bytes: 0 } },
      counters: [
        { stage: 'kernel', taken, passed: taken - 128, filtered: 0, lost: { 'kernel-lost': 128, enobufs: 0 } }, { stage: 'decode', taken: taken - 128, passed: taken - 128, filtered: 0, lost: {} },
        { stage: 'reassemble', taken: taken - 128, passed: seq, filtered: 0, lost: { 'reassemble-overflow': 0 } }, { stage: 'filter', taken: seq, passed: seq - 41, filtered: 41, lost: {} },
        { stage: 'spool', taken: seq - 41, passed: seq - 41, filtered: 0, lost: { full: 0, corrupt: 0 } }, { stage: 'ship', taken: seq - 41, passed: seq - 41, filtered: 0, lost: { rejected: 0 } },
      ],
    },
    { id: '0c11aa9be001', name: 'db-1', version: '0.0.0', last_seen: new Date(Date.now() - 190_000).toISOString(), state: 'silent', lag_ms: null, clock_skew_ms: -2, sources: [{ name: 'audit', state: 'on', reason: '' }], spool: {}, counters: [] },
  ];
}

const health = () => ({
  version: '0.0.0-mock', started: started.toISOString(), wal: { bytes: 18_874_368, first_seq: 1, next_seq: seq + 1, sync_ms_p99: 3.4 },
  consumers: [{ name: 'indexer', lag_events: faults.behind ? 91_000 : 12 }, { name: 'tail', lag_events: 0 }],
  store: { events: events.length, bytes: events.length * 81, windows: 7, failed: faults.windows ? [{ name: '2026112407', reason: 'checksum does not match' }] : [] },
  disk: { path: '/var/lib/auditng', free_bytes: 41e9, total_bytes: 120e9, full_in_days: 9 },
  ingest: { events_per_second: rate, accepted: seq, duplicates: 3, rejected: 0 }, tail: { listeners: listeners.size, skipped: 0 },
});

const lossOf = (from, to) => {
  const found = events.filter((e) => e.source.event.action[0] === 'source-loss' && e.time >= from && e.time <= to);
  return {
    total: found.length === 0 ? [] : [{ stage: 'kernel', reason: 'kernel-lost', agent: 'web-1', count: 128 * found.length, unit: 'records', reports: found.length }],
    over_time: found.map((e) => ({ time: e.source['@timestamp'], count: 128 })),
  };
};

const listeners = new Set();
let made = EVENTS;
setInterval(() => {
  const fresh = [];
  for (let i = 0; i < rate / 4 || rnd() < (rate / 4) % 1; i++) fresh.push(add(makeEvent(made++, Date.now(), rnd)));
  for (const listener of listeners) {
    const matching = fresh.filter((e) => listener.filter.test(e));
    if (matching.length === 0) continue;
    const rows = matching.slice(-200).map(({ id, seq: number, source }) => ({ id, seq: number, source }));
    listener.res.write(`event: rows\nid: ${seq}\ndata: ${JSON.stringify({ rows, skipped: matching.length - rows.length })}\n\n`);
  }
}, 250);

const routes = {
  'POST /api/logout': (_url, _body, req) => (sessions.delete(cookieOf(req)), undefined),
  'GET /api/me': () => me(),
  'POST /api/password': () => undefined,
  'GET /api/sessions': () => [{ id: 'a', created: started.toISOString(), last_seen: new Date().toISOString(), address: '127.0.0.1', current: true }],
  'GET /api/tokens': () => tokens,
  'POST /api/tokens': (_url, body) => (tokens.push({ id: String(tokens.length), created: new Date().toISOString(), ...body }), { id: String(tokens.length - 1), secret: 'ang_mock_secret' }),
  'POST /api/search': (_url, body) => search(body),
  'GET /api/fields': () => fieldList,
  'GET /api/values': (url) => {
    const { found } = select({ from: url.get('from'), to: url.get('to') });
    const top = aggregate(found, { terms: { field: url.get('field'), size: 1000 } });
    return { values: top.buckets.filter((b) => String(b.key).startsWith(url.get('prefix') ?? '')).slice(0, 10).map((b) => ({ value: b.key, count: b.doc_count })) };
  },
  'GET /api/agents': agents,
  'GET /api/health': health,
  'GET /api/loss': (url) => lossOf(when(url.get('from'), Date.now(), 0), when(url.get('to'), Date.now(), Date.now())),
  'GET /api/windows': () => [{ stream: 'audit', name: '2026112408', events: events.length, bytes: events.length * 81, oldest: events[0].source['@timestamp'], newest: events.at(-1).source['@timestamp'], sealed: false, failed: null }],
  'GET /api/saved': () => [...saved.values()],
  'POST /mock/faults': (_url, body) => {
    if (body.logout) sessions.clear();
    if (body.rate !== undefined) rate = body.rate;
    Object.assign(faults, body);
    return faults;
  },
};
const me = () => ({ user: 'admin', role: 'admin', csrf: 'mock', password_set: false, version: '0.0.0-mock', insecure: false });
const cookieOf = (req) => /auditng=([^;]+)/.exec(req.headers.cookie ?? '')?.[1];

function api(req, res, url, body) {
  const key = `${req.method} ${url.pathname}`;
  if (key === 'POST /api/login') {
    if (body.link !== LINK && body.password !== 'mock-password') throw new HttpError(401, { code: 'login_refused', message: 'The login was refused.' });
    const id = String(Math.random());
    sessions.add(id);
    res.setHeader('Set-Cookie', `auditng=${id}; HttpOnly; SameSite=Strict; Path=/`);
    return me();
  }
  if (!sessions.has(cookieOf(req)) && !url.pathname.startsWith('/mock/')) throw new HttpError(401, { code: 'unauthorized', message: 'Log in first.' });
  if (routes[key]) return routes[key](url.searchParams, body, req);
  const one = /^\/api\/(events|saved|tokens|sessions)\/([^/]+)(\/around)?$/.exec(url.pathname);
  if (one?.[1] === 'events') {
    const event = events.find((e) => e.id === decodeURIComponent(one[2]));
    if (!event) throw new HttpError(404, { code: 'event_unknown', message: 'No event has this id.', advice: 'It may be older than the retention keeps.' });
    if (!one[3]) return { id: event.id, index: 'logs-auditng.audit-default', seq: event.seq, source: event.source };
    const span = Number(url.searchParams.get('seconds') ?? 30) * 1000;
    const field = { host: 'host.name', process: 'process.entity_id', session: 'auditd.session' }[url.searchParams.get('by')] ?? 'host.name';
    const value = event.flat.get(field)?.[0];
    return search({ query: value === undefined ? '' : `${field}:"${value}"`, from: event.time - span, to: event.time + span, size: 100, sort: [{ '@timestamp': 'asc' }] });
  }
  if (one?.[1] === 'saved' && req.method === 'PUT') return void saved.set(decodeURIComponent(one[2]), { ...body, owner: 'admin' });
  if (one && req.method === 'DELETE') return void (one[1] === 'saved' ? saved.delete(decodeURIComponent(one[2])) : tokens.splice(Number(one[2]), 1));
  throw new HttpError(404, { code: 'not_found', message: `The mock has no ${key}.` });
}

function tail(req, res, url) {
  if (!sessions.has(cookieOf(req))) throw new HttpError(401, { code: 'unauthorized', message: 'Log in first.' });
  const listener = { res, filter: compile(url.searchParams.get('query')) };
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  res.write(': hello\n\n');
  listeners.add(listener);
  res.on('close', () => listeners.delete(listener));
}

function exportFile(req, res, url) {
  if (!sessions.has(cookieOf(req))) throw new HttpError(401, { code: 'unauthorized', message: 'Log in first.' });
  const { found } = select(Object.fromEntries(url.searchParams));
  const columns = (url.searchParams.get('columns') ?? '').split(',');
  const csv = url.searchParams.get('format') === 'csv';
  res.writeHead(200, { 'Content-Type': csv ? 'text/csv' : 'application/x-ndjson' });
  if (csv) res.write(`${columns.join(',')}\n`);
  for (const e of found) res.write(csv ? `${columns.map((c) => JSON.stringify((e.flat.get(c) ?? []).join(' '))).join(',')}\n` : `${JSON.stringify(e.source)}\n`);
  res.end();
}

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' };

function file(req, res, url) {
  if (url.pathname === '/') return res.writeHead(302, { Location: '/ui/' }).end();
  const wanted = join(DIST, normalize(url.pathname.replace(/^\/ui\//, '/')));
  const path = wanted.startsWith(DIST) && existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(DIST, 'index.html');
  res.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' });
  createReadStream(path).pipe(res);
}

const server = createServer((req, res) => {
  const url = new URL(req.url, 'http://localhost');
  let text = '';
  req.on('data', (part) => (text += part));
  req.on('end', () => {
    try {
      if (url.pathname === '/api/tail') return tail(req, res, url);
      if (url.pathname === '/api/export') return exportFile(req, res, url);
      if (!url.pathname.startsWith('/api/') && !url.pathname.startsWith('/mock/')) return file(req, res, url);
      const answer = api(req, res, url, text ? JSON.parse(text) : {});
      res.writeHead(answer === undefined ? 204 : 200, { 'Content-Type': 'application/json' });
      res.end(answer === undefined ? undefined : JSON.stringify(answer));
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 500;
      res.writeHead(status, { 'Content-Type': 'application/json' });
      res.end(JSON.stringify(error instanceof HttpError ? error.body : { status, code: 'mock', message: String(error) }));
    }
  });
});

server.listen(PORT, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  console.log(`mock server, made-up events only\npage: ${url}/ui/\nlogin once: ${url}/ui/login#${LINK}`);
});
