/** The server's answers, as docs/api.md states them. Nothing here is computed. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Source = { [key: string]: Json };

export interface Problem {
  start: number;
  end: number;
  message: string;
  expected?: string[];
  advice?: string;
}

export interface ErrorBody {
  code: string;
  status: number;
  message: string;
  advice?: string;
  path?: string;
  problems?: Problem[];
}

export type Role = 'viewer' | 'analyst' | 'admin' | 'ingest';

export interface Me {
  user: string;
  role: Role;
  csrf: string;
  password_set: boolean;
  version: string;
  insecure: boolean;
}

export type SortValue = string | number | boolean | null;

export interface Hit {
  id: string;
  index: string;
  seq: number;
  source: Source;
  sort: SortValue[];
}

export interface Bucket {
  key: string | number;
  key_as_string?: string;
  doc_count: number;
  [aggregation: string]: unknown;
}

export interface Aggregation {
  buckets?: Bucket[];
  sum_other_doc_count?: number;
  value?: number | null;
  value_as_string?: string;
}

export interface FailedWindow {
  name: string;
  reason: string;
}

export interface SearchRequest {
  query?: string;
  from?: string | number;
  to?: string | number;
  time_zone?: string;
  streams?: string[];
  size?: number;
  sort?: Record<string, 'asc' | 'desc'>[];
  search_after?: SortValue[];
  track_total?: number;
  aggs?: Record<string, unknown>;
  allow_partial?: boolean;
}

export interface SearchAnswer {
  took_ms: number;
  now: string;
  from_ms?: number | null;
  to_ms?: number | null;
  parsed: string | null;
  notes: string[];
  total: { value: number; relation: 'eq' | 'gte' };
  hits: Hit[];
  aggregations?: Record<string, Aggregation>;
  searchable_through: number;
  windows: { searched: number; pruned: number; failed: FailedWindow[] };
  timed_out: boolean;
}

export interface FieldInfo {
  name: string;
  kind: string;
  many: boolean;
  seen: boolean;
}

export interface ValueCount {
  value: string | number | boolean;
  count: number;
}

export interface EventAnswer {
  id: string;
  index: string;
  seq: number;
  source: Source;
}

export interface Saved {
  name: string;
  query: string;
  columns: string[];
  from: string;
  to: string;
  owner?: string;
}

export interface TailRow {
  id: string;
  seq: number;
  source: Source;
}

export interface AgentSource {
  name: string;
  state: 'on' | 'off' | 'degraded';
  reason?: string;
}

export interface StageCounters {
  stage: string;
  taken: number;
  passed: number;
  filtered: number;
  lost: Record<string, number>;
}

export interface Lane {
  first: number;
  next: number;
  bytes: number;
}

export interface Agent {
  id: string;
  name: string;
  version: string;
  last_seen: string;
  state: 'ok' | 'silent' | 'warn';
  sources: AgentSource[];
  spool: Record<string, Lane>;
  lag_ms: number | null;
  clock_skew_ms: number | null;
  counters: StageCounters[];
}

export interface Health {
  version: string;
  started: string;
  wal: { bytes: number; first_seq: number; next_seq: number; sync_ms_p99: number | null };
  consumers: { name: string; lag_events: number; lag_ms?: number; trouble?: string | null }[];
  store: { events: number; bytes: number; windows: number; failed: FailedWindow[] };
  disk: { path: string; free_bytes: number | null; total_bytes: number | null; full_in_days: number | null };
  ingest: { events_per_second: number; accepted: number; duplicates: number; rejected: number; open_gap_events?: number };
  tail: { listeners: number; skipped: number };
}

export interface LossTotal {
  stage: string;
  reason: string;
  agent?: string;
  host?: string;
  count: number | null;
  unit: string;
  reports?: number;
}

export interface Hole {
  id: string;
  time: string | null;
  from: string | null;
  to: string | null;
  stage: string;
  reason: string;
  agent: string;
  host: string;
  unit: string;
  count: number | null;
}

export interface Loss extends Complete {
  total: LossTotal[];
  over_time: { time: string | number; count: number; reasons: Record<string, number> }[];
  interval_ms: number;
  holes: Hole[];
  hole_count: number;
}

export interface ProcessPlace {
  scope: string | null;
  id: string | null;
  name: string | null;
  image: string | null;
  tag: string | null;
  reason: string | null;
}

export interface ProcessNode {
  entity_id: string;
  parent: string | null;
  creator: string | null;
  adopted_by: string | null;
  known_by: 'events' | 'children';
  pid: number | null;
  name: string | null;
  executable: string | null;
  command_line: string | null;
  cut: boolean;
  user: { id: string | null; name: string | null; effective: string | null } | null;
  login_user: string | null;
  host: string | null;
  container: ProcessPlace | null;
  crosses: boolean;
  start: string | null;
  start_known: boolean;
  end: string | null;
  exit_code: number | null;
  exit_signal: number | null;
  existing: boolean;
  script: string | null;
  sha256: string | null;
  first: string | null;
  last: string | null;
  events: number;
  execs: number;
  failed_execs: number;
  event: string | null;
  children: { total: number; shown: number };
}

/** What answers made of several searches say of themselves. */
export interface Complete {
  took_ms: number;
  timed_out: boolean;
  failed_windows: FailedWindow[];
  searchable_through: number;
}

export interface ProcessTree extends Complete {
  focus: string;
  ancestors: string[];
  more_ancestors: boolean;
  full: boolean;
  nodes: ProcessNode[];
}

export type ContainersBy = 'container' | 'image' | 'pod';

export interface ContainerRow {
  id: string | null;
  name: string | null;
  image: string | null;
  tag: string | null;
  runtime: string | null;
  pod: string | null;
  namespace: string | null;
  hosts: string[];
  host_count: number;
  containers: number;
  unnamed: string[];
  pending: number;
  first: string | null;
  last: string | null;
  events: number;
  execs: number;
  failures: number;
  activity: number[];
}

export interface ScopeRow {
  scope: 'host' | 'unknown' | 'none';
  events: number;
  execs: number;
  failures: number;
  first: string | null;
  last: string | null;
  reasons: { reason: string; count: number }[];
  activity: number[];
}

export interface ContainerList extends Complete {
  now: string;
  from_ms: number | null;
  to_ms: number | null;
  interval_ms: number;
  by: ContainersBy;
  rows: ContainerRow[];
  total: number;
  containers: number;
  left_out_events: number;
  scopes: ScopeRow[];
}

export interface ContainerFacts {
  id: string;
  name: string | null;
  image: string | null;
  tag: string[];
  runtime: string | null;
  pod: string | null;
  namespace: string | null;
  seen: string | null;
}

export interface UserInfo {
  name: string;
  role: Role;
  password_set?: boolean;
  created?: string;
}

export interface StoreWindow {
  stream: string;
  name: string;
  events: number;
  bytes: number;
  oldest: string | null;
  newest: string | null;
  sealed: boolean;
  failed: string | null;
}

export interface SessionInfo {
  id: string;
  created: string;
  last_seen: string;
  address: string;
  current: boolean;
}

export interface TokenInfo {
  id: string;
  name: string;
  role: Role;
  created?: string;
  expires?: string | null;
  last_used?: string | null;
}

export interface FimChoice {
  value: string;
  count: number;
}

export interface FimGroup {
  key: string;
  changes: number;
  unexpected: number;
  severities: Record<string, number>;
  actions: Record<string, number>;
  hosts: string[];
  host_count: number;
  policies: string[];
  files: number;
  versions: string[];
  name: string | null;
  image: string | null;
  first: string | null;
  last: string | null;
  newest: { id: string; action: string | null; path: string | null; user: string | null; executable: string | null; confidence: string | null } | null;
}

export interface FimChanges extends Complete {
  now: string;
  by: string;
  rows: FimGroup[];
  total: number;
  left_out_changes: number;
  changes: number;
  unexpected: number;
  hosts: FimChoice[];
  policies: FimChoice[];
  severities: FimChoice[];
  actions: FimChoice[];
  confidences: FimChoice[];
  parsed: string | null;
  from_ms: number | null;
  to_ms: number | null;
}

export interface FimFile extends Complete {
  path: string;
  total: number;
  hits: EventAnswer[];
}

export type Standing = 'ok' | 'gap' | 'rolled-back' | 'forked' | 'key-changed' | 'accepted';

export interface Generation {
  agent: string;
  host: string;
  generation: number;
  root: string;
  previous: string;
  key: string;
  signature: string;
  policies: string;
  reason: string;
  time: string;
  seen: string;
  standing: Standing;
  alert: boolean;
  event: string;
}

export interface FimScan {
  kind: string | null;
  start: string | null;
  end: string | null;
  entries: number | null;
  bytes: number | null;
  differences: number | null;
  unreadable: number | null;
  skipped: number | null;
  generation: number | null;
  root: string | null;
  broken: boolean;
  why: string | null;
  event: string;
}

export interface FimHost {
  host: string;
  baseline: Generation | null;
  scans: FimScan[];
  open: number;
  severe: number;
}

export interface FimHole {
  event: string;
  time: string | null;
  host: string | null;
  action: string | null;
  root: string | null;
  reason: string | null;
  source: string | null;
  message: string | null;
  lost: number | null;
  from: string | null;
  to: string | null;
  times: number;
}

export interface FimCoverage extends Complete {
  now: string;
  hosts: FimHost[];
  left_out_hosts: number;
  agents: number;
  holes: FimHole[];
  hole_count: number;
}

export interface FimChain {
  agent: string;
  standing: Standing;
  chain: Generation[];
}
