/**
 * The tree as the page holds it: what the server gave, piece by piece, and the lines that are drawn of it. Pure. Whatever
 * was left out by a bound is a line of its own that says how much it stands for.
 */
import type { ProcessNode, ProcessTree } from '../../api/types';

export interface Tree {
  focus: string;
  nodes: ReadonlyMap<string, ProcessNode>;
  /** In the server's order. */
  below: ReadonlyMap<string, readonly string[]>;
  top: string;
  /** Above the top there are more. */
  more: boolean;
  /** How many children of a process were asked for, in the server's order. */
  asked: ReadonlyMap<string, number>;
}

export type Line =
  | { kind: 'node'; id: string; depth: number; place: number; siblings: number; state: 'open' | 'closed' | 'leaf' }
  | { kind: 'more'; parent: string; depth: number; hidden: number }
  | { kind: 'above'; top: string; depth: 0 };

export const keyOf = (line: Line): string => (line.kind === 'node' ? line.id : line.kind === 'more' ? `more ${line.parent}` : 'above');

/** The whole answer to a question for a process. */
export function treeOf(answer: ProcessTree): Tree {
  const asked = new Map<string, number>();
  const above = new Set(answer.ancestors);
  for (const node of answer.nodes) if (!above.has(node.entity_id)) asked.set(node.entity_id, node.children.shown);
  const empty: Tree = { focus: answer.focus, nodes: new Map(), below: new Map(), top: '', more: answer.more_ancestors, asked: new Map() };
  const tree = added(empty, answer.nodes);
  return { ...tree, top: answer.ancestors[answer.ancestors.length - 1] ?? answer.focus, asked };
}

/** The tree with a page of children of `parent`, those from `skip` on; `width` of them were asked for. */
export function withChildren(tree: Tree, parent: string, answer: ProcessTree, skip: number, width: number): Tree {
  const asked = new Map(tree.asked);
  for (const node of answer.nodes) if (!tree.nodes.has(node.entity_id)) asked.set(node.entity_id, node.children.shown);
  asked.set(parent, skip + width);
  return { ...added(tree, answer.nodes.filter((node) => node.entity_id !== parent)), asked };
}

/** The tree with what is above its top. */
export function withAncestors(tree: Tree, answer: ProcessTree): Tree {
  const top = answer.ancestors[answer.ancestors.length - 1] ?? tree.top;
  const old = tree.nodes.get(tree.top);
  const nodes = new Map(tree.nodes);
  const parent = answer.nodes.find((node) => node.entity_id === tree.top)?.parent ?? null;
  if (old) nodes.set(tree.top, { ...old, parent });
  const below = new Map(tree.below);
  if (parent !== null) below.set(parent, [...(below.get(parent) ?? []), tree.top]);
  return { ...added({ ...tree, nodes, below }, answer.nodes), top, more: answer.more_ancestors };
}

function added(tree: Tree, fresh: readonly ProcessNode[]): Tree {
  const nodes = new Map(tree.nodes);
  const below = new Map<string, readonly string[]>(tree.below);
  const grown = new Map<string, string[]>();
  for (const node of fresh) {
    if (nodes.has(node.entity_id)) continue;
    nodes.set(node.entity_id, node);
    if (node.parent === null) continue;
    const list = grown.get(node.parent);
    if (list) list.push(node.entity_id);
    else grown.set(node.parent, [node.entity_id]);
  }
  for (const [parent, list] of grown) below.set(parent, [...(below.get(parent) ?? []), ...list]);
  return { ...tree, nodes, below };
}

/** Children that events name and that are not in the tree. What was asked for to the end and did not come stands elsewhere. */
export function hiddenBelow(tree: Tree, id: string): number {
  const total = tree.nodes.get(id)?.children.total ?? 0;
  const shown = tree.below.get(id)?.length ?? 0;
  return (tree.asked.get(id) ?? 0) >= total ? 0 : Math.max(0, total - shown);
}

/** From the top, without what is under closed processes. */
export function linesOf(tree: Tree, closed: ReadonlySet<string>): Line[] {
  const lines: Line[] = tree.more ? [{ kind: 'above', top: tree.top, depth: 0 }] : [];
  // Where each open process stands: its children, and the next of them. A stack, since trees may be deeper than calls.
  const stack: { ids: readonly string[]; at: number; parent: string; siblings: number }[] = [{ ids: [tree.top], at: 0, parent: '', siblings: 1 }];
  while (stack.length > 0) {
    const level = stack[stack.length - 1]!;
    const depth = stack.length - 1;
    const id = level.ids[level.at];
    if (id === undefined) {
      const hidden = level.parent === '' ? 0 : hiddenBelow(tree, level.parent);
      if (hidden > 0) lines.push({ kind: 'more', parent: level.parent, depth, hidden });
      stack.pop();
      continue;
    }
    level.at += 1;
    const children = tree.below.get(id) ?? [];
    const hidden = hiddenBelow(tree, id);
    const state = children.length + hidden === 0 ? 'leaf' : children.length === 0 || closed.has(id) ? 'closed' : 'open';
    lines.push({ kind: 'node', id, depth, place: level.at, siblings: level.siblings, state });
    if (state === 'open') stack.push({ ids: children, at: 0, parent: id, siblings: children.length + hidden });
  }
  return lines;
}

/** The line of the process under which a line stands; -1 at the top. */
export function parentLine(lines: readonly Line[], at: number): number {
  const depth = lines[at]?.depth ?? 0;
  for (let i = at - 1; i >= 0; i--) {
    const line = lines[i]!;
    if (line.kind === 'node' && line.depth < depth) return i;
  }
  return -1;
}

/** How many processes of the tree are under one, closed ones too. */
export function countBelow(tree: Tree, id: string): number {
  let sum = 0;
  const next = [...(tree.below.get(id) ?? [])];
  for (let child = next.pop(); child !== undefined; child = next.pop()) {
    sum += 1;
    next.push(...(tree.below.get(child) ?? []));
  }
  return sum;
}

/** What a process is called: its name, else its program, else its pid. */
export function nameOf(node: ProcessNode): string {
  return node.name ?? node.executable ?? (node.pid === null ? 'unknown process' : `pid ${node.pid}`);
}

/** Where a process ran, in a word or two; `null`: nobody said. */
export function placeOf(node: ProcessNode): { kind: 'host' | 'container' | 'unknown'; text: string } | null {
  const place = node.container;
  if (place === null) return null;
  if (place.id !== null) return { kind: 'container', text: place.name ?? place.id.slice(0, 12) };
  return place.scope === 'host' ? { kind: 'host', text: 'host' } : { kind: 'unknown', text: 'unknown' };
}

/** How long it lived, in ms; `null` where one end is not known. */
export function lifeOf(node: ProcessNode): number | null {
  const start = Date.parse(node.start ?? '');
  const end = Date.parse(node.end ?? '');
  return Number.isNaN(start) || Number.isNaN(end) ? null : Math.max(0, end - start);
}

const SIGNALS: Record<number, string> = {
  1: 'HUP', 2: 'INT', 3: 'QUIT', 4: 'ILL', 5: 'TRAP', 6: 'ABRT', 7: 'BUS', 8: 'FPE', 9: 'KILL', 10: 'USR1', 11: 'SEGV', 12: 'USR2', 13: 'PIPE', 14: 'ALRM',
  15: 'TERM', 24: 'XCPU', 25: 'XFSZ', 31: 'SYS',
};

/** How a process ended, and whether that is unusual; `null`: nobody said. */
export function endOf(node: ProcessNode): { text: string; bad: boolean } | null {
  if (node.exit_signal !== null && node.exit_signal !== 0) return { text: `SIG${SIGNALS[node.exit_signal] ?? ` ${node.exit_signal}`}`, bad: true };
  return node.exit_code === null ? null : { text: `exit ${node.exit_code}`, bad: node.exit_code !== 0 };
}
