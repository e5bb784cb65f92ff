/** The calls of docs/api.md that the page makes, each by its name. */
import { get, send, withQuery } from './client';
import type {
  Agent, ContainerFacts, ContainerList, EventAnswer, FieldInfo, FimChain, FimChanges, FimCoverage, FimFile, Health, Loss, ProcessTree, Saved, SearchAnswer, SearchRequest, SessionInfo,
  StoreWindow, TokenInfo, UserInfo, ValueCount,
} from './types';

export type Instant = string | number;

export const search = (request: SearchRequest, signal?: AbortSignal): Promise<SearchAnswer> =>
  send('POST', '/api/search', request, signal);

export const fields = (signal?: AbortSignal): Promise<FieldInfo[]> => get('/api/fields', signal);

export async function values(
  field: string, prefix: string, from: Instant | undefined, to: Instant | undefined, signal?: AbortSignal,
): Promise<ValueCount[]> {
  const path = withQuery('/api/values', { field, prefix, from, to, size: 10 });
  return (await get<{ values: ValueCount[] }>(path, signal)).values;
}

export const event = (id: string, signal?: AbortSignal): Promise<EventAnswer> =>
  get(`/api/events/${encodeURIComponent(id)}`, signal);

export type AroundBy = 'host' | 'process' | 'session';

export const around = (id: string, by: AroundBy, seconds: number, signal?: AbortSignal): Promise<SearchAnswer> =>
  get(withQuery(`/api/events/${encodeURIComponent(id)}/around`, { by, seconds, size: 100 }), signal);

export type TreeBounds = Partial<Record<'depth' | 'width' | 'nodes' | 'ancestors' | 'skip', number>>;

export const processTree = (entity: string, bounds: TreeBounds, partial: boolean, signal?: AbortSignal): Promise<ProcessTree> =>
  get(withQuery(`/api/processes/${encodeURIComponent(entity)}/tree`, { ...bounds, ...(partial && { allow_partial: 'true' }) }), signal);

export const containers = (parameters: Record<string, string | number | undefined>, signal?: AbortSignal): Promise<ContainerList> =>
  get(withQuery('/api/containers', parameters), signal);

export const container = (id: string, signal?: AbortSignal): Promise<ContainerFacts> =>
  get(`/api/containers/${encodeURIComponent(id)}`, signal);

export const fimChanges = (parameters: Record<string, string | number | undefined>, signal?: AbortSignal): Promise<FimChanges> =>
  get(withQuery('/api/v1/fim/changes', parameters), signal);

export const fimFile = (path: string, host: string, signal?: AbortSignal): Promise<FimFile> =>
  get(withQuery('/api/v1/fim/file', { path, host, size: 50 }), signal);

export const fimCoverage = (from?: Instant, to?: Instant, signal?: AbortSignal): Promise<FimCoverage> =>
  get(withQuery('/api/v1/fim/coverage', { from, to, allow_partial: 'true' }), signal);

export const fimChain = (agent: string, signal?: AbortSignal): Promise<FimChain> =>
  get(`/api/v1/fim/baselines/${encodeURIComponent(agent)}?size=50`, signal);

export const fimAccept = (agent: string, reason: string): Promise<unknown> =>
  send('POST', `/api/v1/fim/baselines/${encodeURIComponent(agent)}/accept`, { reason });

export const saved = (): Promise<Saved[]> => get('/api/saved');
export const save = (search: Saved): Promise<void> => send('PUT', `/api/saved/${encodeURIComponent(search.name)}`, search);
export const forget = (name: string): Promise<void> => send('DELETE', `/api/saved/${encodeURIComponent(name)}`);

export const agents = (signal?: AbortSignal): Promise<Agent[]> => get('/api/agents', signal);
export const health = (signal?: AbortSignal): Promise<Health> => get('/api/health', signal);
export const windows = (signal?: AbortSignal): Promise<StoreWindow[]> => get('/api/windows', signal);
export const loss = (from?: Instant, to?: Instant, signal?: AbortSignal): Promise<Loss> =>
  // Losses that can be read are told although others cannot: the answer says so.
  get(withQuery('/api/loss', { from, to, allow_partial: 'true' }), signal);

export const sessions = (): Promise<SessionInfo[]> => get('/api/sessions');
export const endSession = (id: string): Promise<void> => send('DELETE', `/api/sessions/${encodeURIComponent(id)}`);
export const tokens = (): Promise<TokenInfo[]> => get('/api/tokens');
export const createToken = (body: { name: string; role: string; expires?: string }): Promise<{ id: string; secret: string }> =>
  send('POST', '/api/tokens', body);
export const deleteToken = (id: string): Promise<void> => send('DELETE', `/api/tokens/${encodeURIComponent(id)}`);

export const users = (): Promise<UserInfo[]> => get('/api/users');
export const addUser = (body: { name: string; role: string; password: string }): Promise<void> => send('POST', '/api/users', body);
export const removeUser = (name: string): Promise<void> => send('DELETE', `/api/users/${encodeURIComponent(name)}`);

export function exportUrl(parameters: {
  query: string; from?: Instant | undefined; to?: Instant | undefined; format: 'csv' | 'ndjson'; columns?: string;
  streams?: string; limit?: number; time_zone?: string;
}): string {
  return withQuery('/api/export', parameters);
}
