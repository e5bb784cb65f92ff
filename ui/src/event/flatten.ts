/** Reads event documents: nested objects, dotted names, or a mixture of both. */
import type { Json, Source } from '../api/types';

export type Scalar = string | number | boolean;

export interface Entry {
  name: string;
  /** Scalars, one or many. */
  values: Scalar[];
  /** A value that is no scalar or list of scalars: shown as JSON, not searched by. */
  structured?: Json;
}

/** All leaves by dotted name, in order of the names. */
export function flatten(source: Source): Entry[] {
  const entries: Entry[] = [];
  collect(source, '', entries);
  return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function collect(object: Source, prefix: string, entries: Entry[]): void {
  for (const [key, value] of Object.entries(object)) {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    if (value === null) continue;
    if (isObject(value)) collect(value, name, entries);
    else if (!Array.isArray(value)) entries.push({ name, values: [value] });
    else if (value.every(isScalar)) entries.push({ name, values: value as Scalar[] });
    else entries.push({ name, values: [], structured: value });
  }
}

const isObject = (value: Json | undefined): value is Source =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isScalar = (value: Json): boolean => value === null || typeof value !== 'object';

/** The values of one field, empty if the event has none. */
export function valuesOf(source: Source, name: string): Scalar[] {
  const value = lookUp(source, name);
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.every(isScalar) ? (value.filter((v) => v !== null) as Scalar[]) : [JSON.stringify(value)];
  return typeof value === 'object' ? [JSON.stringify(value)] : [value];
}

/** The first value as text, or empty. */
export function textOf(source: Source, name: string): string {
  const value = valuesOf(source, name)[0];
  return value === undefined ? '' : String(value);
}

/** `a.b.c` may lie under `a.b.c`, `a.b` > `c`, `a` > `b.c` or `a` > `b` > `c`. */
function lookUp(source: Source, name: string): Json | undefined {
  if (Object.hasOwn(source, name)) return source[name];
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const head = name.slice(0, dot);
    const inner = Object.hasOwn(source, head) ? source[head] : undefined;
    if (isObject(inner)) {
      const found = lookUp(inner, name.slice(dot + 1));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** `@timestamp` in milliseconds, or NaN. */
export function timeOf(source: Source): number {
  const value = lookUp(source, '@timestamp');
  return typeof value === 'number' ? value : Date.parse(String(value ?? ''));
}

const GROUPS = [
  'event', 'process', 'file', 'destination', 'source', 'network', 'user', 'group', 'container', 'orchestrator', 'host', 'message', 'error', 'rule', 'threat',
  'labels', 'tags', 'auditng', 'auditd', 'log', 'related', 'service', 'agent', 'ecs',
];

/** The heading under which a field stands: the first part of its name, empty for names of one part. */
export function groupOf(name: string): string {
  const dot = name.indexOf('.');
  return dot === -1 ? '' : name.slice(0, dot);
}

/** Entries under their headings; what happened comes before where it was kept, unknown headings between. */
export function grouped(entries: Entry[]): { group: string; entries: Entry[] }[] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const group = groupOf(entry.name);
    const inside = groups.get(group);
    if (inside) inside.push(entry);
    else groups.set(group, [entry]);
  }
  return [...groups].map(([group, inside]) => ({ group, entries: inside })).sort((a, b) => rankOf(a.group) - rankOf(b.group));
}

function rankOf(group: string): number {
  const known = GROUPS.indexOf(group);
  return group === '' ? -1 : known === -1 ? GROUPS.indexOf('labels') : known;
}
