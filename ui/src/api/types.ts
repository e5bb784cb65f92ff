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
  count: number | null;
  unit: string;
  reports?: number;
}

export interface Loss {
  total: LossTotal[];
  over_time: { time: string | number; count: number }[];
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
