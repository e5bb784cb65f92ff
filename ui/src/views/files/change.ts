/** Reads a change out of its event, for people. */
import type { Source } from '../../api/types';
import { flatten, textOf, timeOf, valuesOf } from '../../event/flatten';

export interface Difference {
  name: string;
  before: string | null;
  after: string | null;
}

const BEFORE = 'auditng.fim.before.';
const AFTER = 'auditng.fim.after.';
/** What says most stands first; whatever else there is follows by name. */
const FIRST = ['type', 'sha256', 'blake3', 'size', 'target', 'mode', 'uid', 'gid', 'acl', 'capabilities', 'selinux', 'flags', 'inode', 'nlink', 'mtime', 'ctime'];

/** Every attribute that differs, with what it was and what it is. */
export function differencesOf(source: Source): Difference[] {
  const found = new Map<string, Difference>();
  const at = (name: string): Difference => {
    const known = found.get(name) ?? { name, before: null, after: null };
    found.set(name, known);
    return known;
  };
  for (const name of valuesOf(source, 'auditng.fim.changed')) at(String(name));
  for (const { name, values } of flatten(source)) {
    const text = values.join(', ');
    if (name.startsWith(BEFORE)) at(name.slice(BEFORE.length)).before = text;
    else if (name.startsWith(AFTER)) at(name.slice(AFTER.length)).after = text;
  }
  const rank = (name: string): number => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return [...found.values()].sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}

export const CONFIDENCE: Record<string, string> = {
  certain: 'Read while the process was held, or with its own handle still open afterwards.',
  strong: 'The process was gone; exactly one had this number at that time, and nothing was lost in between.',
  merged: 'One audit or eBPF record fits file, kind and process within the window.',
  ambiguous: 'Several could have done it.',
  unknown: 'Nobody is named.',
};

const REASONS: Record<string, string> = {
  reader_late: 'it had ended before it could be read, and no table knows it',
  source_loss: 'events were lost at that time',
  found_by_scan: 'a scan found the change afterwards',
  other_pid_namespace: 'it is in a process namespace that is not visible from here',
  not_told: 'what saw the change names no process',
};

export function whyNobody(reason: string): string {
  return reason === '' ? '' : (REASONS[reason] ?? reason);
}

/** `ada with /usr/bin/vim (4711)`; empty where nobody is known. */
export function whoText(source: Source): string {
  const user = textOf(source, 'user.name') || textOf(source, 'user.id');
  const program = textOf(source, 'process.executable') || textOf(source, 'process.name');
  const pid = textOf(source, 'process.pid');
  const process = program === '' ? (pid === '' ? '' : `process ${pid}`) : pid === '' ? program : `${program} (${pid})`;
  return [user, process].filter((part) => part !== '').join(' with ');
}

/** The other path of a move or a replacement, with the word for it. */
export function otherPath(source: Source): { word: string; path: string } | null {
  const path = textOf(source, 'auditng.fim.old_path');
  if (path === '') return null;
  const action = textOf(source, 'event.action');
  return { word: action === 'moved' ? 'was' : action === 'replaced' ? 'replaced by what was' : action === 'deleted' ? 'now' : 'from', path };
}

/** `updated`, `created 500 times`. */
export function actionText(source: Source): string {
  const action = textOf(source, 'event.action').replaceAll('_', ' ');
  const many = Number(textOf(source, 'auditng.fim.count') || '1');
  return many > 1 ? `${action}, ${many.toLocaleString('en-US')} files` : action;
}

/** Why it was to be expected, or nothing. */
export function expectedText(source: Source): string {
  const window = textOf(source, 'auditng.fim.change_window');
  if (window !== '') return `in the declared window: ${window}`;
  const by = textOf(source, 'auditng.fim.provenance.by');
  if (by === '') return '';
  const packages = valuesOf(source, 'auditng.fim.provenance.packages');
  const versions = valuesOf(source, 'auditng.fim.provenance.versions');
  const list = packages.map((name, i) => (versions[i] === undefined ? String(name) : `${String(name)} ${String(versions[i])}`));
  return list.length === 0 ? `by ${by}` : `by ${by}: ${list.join(', ')}`;
}

/** Between which times a change that a scan found happened. */
export function windowOf(source: Source): { from: number; to: number } | null {
  const from = Date.parse(textOf(source, 'auditng.fim.window_start'));
  const to = Date.parse(textOf(source, 'auditng.fim.window_end'));
  return Number.isNaN(from) || Number.isNaN(to) ? null : { from, to: Math.max(from, to) };
}

export { textOf, timeOf, valuesOf };
