/** What the view of files is narrowed to, as the address holds it, and as a query that the server reads. */
import { filterText } from '../../query/text';
import type { PageState } from '../../state/url';

export type By = 'changes' | 'file' | 'host' | 'container' | 'package' | 'policy';

export const GROUPS: { by: By; label: string; one: string }[] = [
  { by: 'changes', label: 'Changes', one: 'change' },
  { by: 'file', label: 'Files', one: 'file' },
  { by: 'host', label: 'Hosts', one: 'host' },
  { by: 'container', label: 'Containers', one: 'container' },
  { by: 'package', label: 'Packages', one: 'package' },
  { by: 'policy', label: 'Policies', one: 'policy' },
];

export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'informational'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Names in the address, and the fields that they stand for. */
export const NARROW = {
  host: 'host.name', policy: 'auditng.fim.policy', file: 'file.path', container: 'container.id', package: 'auditng.fim.provenance.packages',
} as const;
export type Narrow = keyof typeof NARROW;

type Own = PageState['own'];

export function parseBy(text: string): By {
  return GROUPS.find((group) => group.by === text)?.by ?? 'changes';
}

/** `critical,high`: in our order, nothing else, each once. */
export function parseSeverities(text: string): Severity[] {
  const wanted = text.split(',');
  return SEVERITIES.filter((severity) => wanted.includes(severity));
}

export function toggleSeverity(text: string, severity: Severity): string {
  const now = parseSeverities(text);
  const next = now.includes(severity) ? now.filter((other) => other !== severity) : [...now, severity];
  return SEVERITIES.filter((other) => next.includes(other)).join(',');
}

/** What is neither a package's, a log's nor a declared window's, and more than a look. */
export const UNEXPECTED = 'NOT auditng.fim.provenance.by:* NOT auditng.fim.change_window:* '
  + '(NOT event.action:(opened OR executed OR initial_scan OR unmounted) OR auditng.fim.access:denied)';

/** The typed query and all that narrows it. */
export function queryOf(typed: string, own: Own, without: (Narrow | 'severity')[] = []): string {
  const clauses: string[] = [];
  if (typed.trim() !== '') clauses.push(`(${typed.trim()})`);
  const severities = without.includes('severity') ? [] : parseSeverities(own.severity ?? '');
  if (severities.length > 0) clauses.push(`auditng.fim.severity:(${severities.join(' OR ')})`);
  for (const name of Object.keys(NARROW) as Narrow[]) {
    const value = own[name];
    if (value && !without.includes(name)) clauses.push(filterText(NARROW[name], value));
  }
  if (own.quiet) clauses.push(UNEXPECTED);
  return clauses.join(' ');
}

export type SortKey = 'changes' | 'last' | 'severity' | 'name';
export interface Order {
  key: SortKey;
  order: 'asc' | 'desc';
}

export function parseOrder(text: string): Order {
  const [key, order] = text.split(':');
  const known = (['changes', 'last', 'severity', 'name'] as const).find((name) => name === key);
  return { key: known ?? 'changes', order: order === 'asc' ? 'asc' : 'desc' };
}

export function formatOrder({ key, order }: Order): string {
  return key === 'changes' && order === 'desc' ? '' : `${key}:${order}`;
}

/** Names begin at A, everything else at the most; the same head again turns it around. */
export function nextOrder(now: Order, key: SortKey): Order {
  if (now.key === key) return { key, order: now.order === 'asc' ? 'desc' : 'asc' };
  return { key, order: key === 'name' ? 'asc' : 'desc' };
}
