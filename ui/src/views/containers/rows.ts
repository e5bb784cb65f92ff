/** What rows of the list mean as searches, and in words. Pure. */
import type { ContainerRow, ContainersBy, ScopeRow } from '../../api/types';
import { filterText } from '../../query/text';

/** Columns by which the server can order. */
export type SortKey = 'events' | 'execs' | 'failures' | 'first' | 'last' | 'name' | 'image' | 'host' | 'pod' | 'containers';
const KEYS: readonly string[] = ['events', 'execs', 'failures', 'first', 'last', 'name', 'image', 'host', 'pod', 'containers'];
const TEXTS: readonly SortKey[] = ['name', 'image', 'host', 'pod'];

export interface Order {
  key: SortKey;
  order: 'asc' | 'desc';
}

/** `name:asc` of the address; what is none is the usual order, most events first. */
export function parseOrder(text: string): Order {
  const [key = '', order] = text.split(':');
  return KEYS.includes(key) ? { key: key as SortKey, order: order === 'asc' ? 'asc' : 'desc' } : { key: 'events', order: 'desc' };
}

export const formatOrder = ({ key, order }: Order): string => (key === 'events' && order === 'desc' ? '' : `${key}:${order}`);

/** A click on a head: names begin at A, numbers and times at the largest; a second click turns it around. */
export function nextOrder(now: Order, key: SortKey): Order {
  if (now.key === key) return { key, order: now.order === 'asc' ? 'desc' : 'asc' };
  return { key, order: TEXTS.includes(key) ? 'asc' : 'desc' };
}

export const parseBy = (text: string): ContainersBy => (text === 'image' || text === 'pod' ? text : 'container');

/** The query that finds the events of a row, within those that the list counts. */
export function queryOf(row: ContainerRow, by: ContainersBy, within: string): string {
  return both(within, own(row, by));
}

function own(row: ContainerRow, by: ContainersBy): string {
  if (by === 'container') return filterText('container.id', row.id ?? '');
  const named = by === 'image' ? image(row) : pod(row);
  // Some events left before the name was known: those are found by id only.
  const ids = row.unnamed.map((id) => `"${id.replace(/[\\"]/g, '\\$&')}"`).join(' OR ');
  return ids === '' ? named : `((${named}) OR container.id:(${ids}))`;
}

function image(row: ContainerRow): string {
  if (row.image === null) return 'container.id:* NOT container.image.name:*';
  const name = filterText('container.image.name', row.image);
  return row.tag === null ? name : `${name} ${filterText('container.image.tag', row.tag)}`;
}

function pod(row: ContainerRow): string {
  if (row.pod === null) return 'container.id:* NOT orchestrator.resource.name:*';
  const name = filterText('orchestrator.resource.name', row.pod);
  return row.namespace === null ? name : `${filterText('orchestrator.namespace', row.namespace)} ${name}`;
}

export function queryOfScope(scope: ScopeRow['scope'], within: string, reason = ''): string {
  if (scope === 'none') return both(within, 'NOT auditng.container.scope:* NOT container.id:*');
  const of = filterText('auditng.container.scope', scope);
  return both(within, reason === '' ? of : `${of} ${filterText('auditng.container.reason', reason)}`);
}

function both(within: string, clause: string): string {
  const query = within.trim();
  return query === '' || query === '*' ? clause : `(${query}) ${clause}`;
}

/** How a row is called. */
export function titleOf(row: ContainerRow, by: ContainersBy): string {
  if (by === 'container') return row.name ?? row.id?.slice(0, 12) ?? '';
  if (by === 'image') return row.image === null ? 'image not known' : imageOf(row);
  return row.pod ?? 'in no pod';
}

export const imageOf = (row: ContainerRow): string => (row.image === null ? '' : row.tag === null ? row.image : `${row.image}:${row.tag}`);

/** A key that stays the same from answer to answer. */
export const keyOf = (row: ContainerRow, by: ContainersBy): string =>
  by === 'container' ? (row.id ?? '') : by === 'image' ? `${row.image ?? ''}\n${row.tag ?? ''}` : `${row.namespace ?? ''}\n${row.pod ?? ''}`;

export const SCOPES: Record<ScopeRow['scope'], { title: string; what: string }> = {
  host: { title: 'On the host', what: 'Processes that run in no container.' },
  unknown: { title: 'Not known where', what: 'Nobody could say whether the process ran in a container; it is never guessed.' },
  none: { title: 'Not said', what: 'Events without a process, of other sources, or of agents that do not look.' },
};

/** Why a place is not known, in plain words. */
const REASONS: Record<string, string> = {
  'pid-gone': 'the process was gone before anybody could look',
  'cgroup-unreadable': 'its cgroup could not be read',
};

export const reasonText = (reason: string): string => REASONS[reason] ?? reason;

/** The bars of an activity as one path in a box of `points` x `height`; something that is there is never invisible. */
export function sparkPath(activity: readonly number[], height: number, most = Math.max(...activity, 1)): string {
  let path = '';
  activity.forEach((value, i) => {
    if (value <= 0) return;
    const h = Math.max(1, Math.round((value / most) * height * 10) / 10);
    path += `M${i + 0.1} ${height}v${-h}h0.8v${h}z`;
  });
  return path;
}
