/** Chosen columns of the table: which, in which order, how wide; as one URL parameter `name~width,name`. */
import type { Source } from '../api/types';
import { valuesOf } from './flatten';
import { SUMMARY } from './summary';

export interface Column {
  name: string;
  /** In pixels; 0: the usual width. */
  width: number;
}

export const TIME = '@timestamp';
export const MIN_WIDTH = 60;
export const MAX_WIDTH = 1200;

const DEFAULTS = ['event.action', 'user.name', 'process.name', 'host.name', SUMMARY];

const USUAL: Record<string, number> = {
  'event.action': 168, 'user.name': 100, 'process.name': 118, 'host.name': 110, 'event.outcome': 84, 'process.pid': 72,
  'auditng.fim.severity': 106, 'file.path': 300, 'auditng.fim.policy': 120, 'auditng.fim.who.confidence': 90, 'process.executable': 150,
  [SUMMARY]: 280,
};

export function defaultColumns(): Column[] {
  return DEFAULTS.map((name) => ({ name, width: 0 }));
}

export function parseColumns(text: string): Column[] {
  const seen = new Set<string>();
  const columns: Column[] = [];
  for (const part of text.split(',')) {
    const [, name = '', width] = /^(.*?)(?:~(\d+))?$/.exec(part.trim()) ?? [];
    if (name === '' || name === TIME || seen.has(name)) continue;
    seen.add(name);
    columns.push({ name, width: width ? clampWidth(Number(width)) : 0 });
  }
  return columns;
}

export function formatColumns(columns: Column[]): string {
  const text = columns.map(({ name, width }) => (width > 0 ? `${name}~${width}` : name)).join(',');
  return text === DEFAULTS.join(',') ? '' : text;
}

export function clampWidth(width: number): number {
  return Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, Math.round(width)));
}

export function toggleColumn(columns: Column[], name: string): Column[] {
  if (columns.some((column) => column.name === name)) return columns.filter((column) => column.name !== name);
  const column = { name, width: 0 };
  const last = columns[columns.length - 1];
  return last?.name === SUMMARY ? [...columns.slice(0, -1), column, last] : [...columns, column];
}

/** Moves the column `from` to the place `to` (both indices). */
export function moveColumn(columns: Column[], from: number, to: number): Column[] {
  const moved = columns[from];
  if (!moved || to < 0 || to >= columns.length) return columns;
  const rest = columns.filter((_, index) => index !== from);
  return [...rest.slice(0, to), moved, ...rest.slice(to)];
}

export function setWidth(columns: Column[], name: string, width: number): Column[] {
  return columns.map((column) => (column.name === name ? { name, width: clampWidth(width) } : column));
}

/** What stands in a column where an event does not have its field: ids where nobody looked up a name. */
const INSTEAD: Record<string, string> = { 'user.name': 'user.id', 'host.name': 'agent.name', 'process.name': 'process.executable' };

/** The field that a cell shows, which may be the one that stands in. */
export function shownField(source: Source, name: string): string {
  const instead = INSTEAD[name];
  return instead !== undefined && valuesOf(source, name).length === 0 ? instead : name;
}

/** Least width of a column in pixels. */
export function widthOf(column: Column): number {
  return column.width || USUAL[column.name] || 140;
}

/** Tracks for `grid-template-columns`. The summary, if it has no width of its own, or else the last column takes what is left. */
export function tracksOf(columns: Column[]): string {
  const free = columns.findIndex((column) => column.name === SUMMARY && column.width === 0);
  const wide = free === -1 ? columns.length - 1 : free;
  return columns.map((column, i) => (i === wide ? `minmax(${widthOf(column)}px, 1fr)` : `${widthOf(column)}px`)).join(' ');
}
