import { expect, test } from 'vitest';
import type { ProcessNode, ProcessTree } from '../../api/types';
import { countBelow, endOf, hiddenBelow, lifeOf, type Line, linesOf, nameOf, parentLine, placeOf, treeOf, withAncestors, withChildren } from './tree';

const node = (entity_id: string, parent: string | null, total = 0, shown = total): ProcessNode => ({
  entity_id, parent, creator: null, adopted_by: null, known_by: 'events', pid: 1, name: entity_id, executable: null, command_line: null, cut: false,
  user: null, login_user: null, host: null, container: null, crosses: false, start: null, start_known: true, end: null, exit_code: null, exit_signal: null, existing: false, script: null, sha256: null,
  first: null, last: null, events: 1, execs: 1, failed_execs: 0, event: null, children: { total, shown },
});

const answer = (focus: string, nodes: ProcessNode[], ancestors: string[] = [], more = false): ProcessTree => ({
  took_ms: 0, timed_out: false, failed_windows: [], focus, ancestors, more_ancestors: more, full: false, nodes, searchable_through: 0,
});

const text = (line: Line): string =>
  '  '.repeat(line.depth) + (line.kind === 'node' ? `${line.id} ${line.state}` : line.kind === 'more' ? `+${line.hidden}` : 'above');

const draw = (tree: ReturnType<typeof treeOf>, ...closed: string[]): string[] => linesOf(tree, new Set(closed)).map(text);

const family = () => treeOf(answer('sh', [
  node('init', null, 9, 1), node('sh', 'init', 3, 2), node('make', 'sh', 1), node('cc', 'make'), node('ls', 'sh', 2, 0),
], ['init'], true));

test('each level is drawn, and what is left out says how much', () => {
  expect(draw(family())).toEqual(['above', 'init open', '  sh open', '    make open', '      cc leaf', '    ls closed', '    +1', '  +8']);
});

test('closing hides what is under it and nothing else', () => {
  expect(draw(family(), 'make')).toEqual(['above', 'init open', '  sh open', '    make closed', '    ls closed', '    +1', '  +8']);
  expect(countBelow(family(), 'sh')).toBe(3);
});

test('a page of children takes the place of what was left out', () => {
  const more = withChildren(family(), 'sh', answer('sh', [node('sh', null, 3, 1), node('id', 'sh')]), 2, 50);
  expect(draw(more, 'init')).toEqual(['above', 'init closed']);
  expect(draw(more).slice(5, 7)).toEqual(['    ls closed', '    id leaf']);
  expect(hiddenBelow(more, 'sh')).toBe(0);
  expect(more.nodes.get('sh')?.parent).toBe('init');
});

test('children that stand elsewhere do not stay a promise', () => {
  const asked = withChildren(family(), 'init', answer('init', [node('init', null, 9, 1), node('sh', 'init', 3, 0)]), 0, 200);
  expect(hiddenBelow(asked, 'init')).toBe(0);
});

test('what is above the top goes on top', () => {
  const tree = treeOf(answer('sh', [node('sh', null)], [], true));
  const higher = withAncestors(tree, answer('sh', [node('init', null, 1), node('sh', 'init')], ['init']));
  expect(draw(higher)).toEqual(['init open', '  sh leaf']);
});

test('left goes to the process above', () => {
  const lines = linesOf(family(), new Set());
  expect(parentLine(lines, 4)).toBe(3);
  expect(parentLine(lines, 6)).toBe(2);
  expect(parentLine(lines, 1)).toBe(-1);
});

test('ten thousand children and ten thousand generations are drawn at once', () => {
  const wide = treeOf(answer('p', [node('p', null, 10_000), ...Array.from({ length: 10_000 }, (_, i) => node(`c${i}`, 'p'))]));
  expect(linesOf(wide, new Set())).toHaveLength(10_001);
  const deep = treeOf(answer('n0', Array.from({ length: 10_000 }, (_, i) => node(`n${i}`, i === 0 ? null : `n${i - 1}`, i === 9_999 ? 0 : 1))));
  expect(linesOf(deep, new Set())).toHaveLength(10_000);
});

test('names, places and lives', () => {
  expect(nameOf({ ...node('x', null), name: null, pid: 7 })).toBe('pid 7');
  expect(placeOf(node('x', null))).toBeNull();
  const place = { scope: 'container', id: '3c27334e820a4b', name: null, image: null, tag: null, reason: null };
  expect(placeOf({ ...node('x', null), container: place })).toEqual({ kind: 'container', text: '3c27334e820a' });
  expect(lifeOf({ ...node('x', null), start: '2026-11-24T08:00:00.000Z', end: '2026-11-24T08:00:00.250Z' })).toBe(250);
  expect(lifeOf(node('x', null))).toBeNull();
  expect(endOf(node('x', null))).toBeNull();
  expect(endOf({ ...node('x', null), exit_code: 0 })).toEqual({ text: 'exit 0', bad: false });
  expect(endOf({ ...node('x', null), exit_signal: 9 })).toEqual({ text: 'SIGKILL', bad: true });
});
