/**
 * Single keys of the page. The newest layer that knows a key gets it, so an open panel goes before the table under it.
 * Keys are left alone while somebody types, while a modal dialog is open, and with Ctrl, Alt or Meta held.
 */

export type Bindings = Record<string, (event: KeyboardEvent) => void>;

const layers: Bindings[] = [];

/** Adds a layer; the returned function takes it away. */
export function bindKeys(bindings: Bindings): () => void {
  layers.push(bindings);
  return () => {
    const at = layers.lastIndexOf(bindings);
    if (at !== -1) layers.splice(at, 1);
  };
}

export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector('dialog[open]')) return;
  if (event.key === 'Enter' && isControl(event.target)) return;
  for (let i = layers.length - 1; i >= 0; i--) {
    const action = layers[i]?.[event.key];
    if (!action) continue;
    event.preventDefault();
    action(event);
    return;
  }
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches('input:not([type=checkbox]):not([type=radio]), textarea, select');
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('button, a, summary, [role=menuitem], [role=tab]') !== null;
}

export const HELP: { group: string; keys: [string, string][] }[] = [
  {
    group: 'Anywhere',
    keys: [['/', 'query bar'], ['t', 'live tail or search'], ['i', 'file integrity'], ['n', 'containers'], ['l', 'what is lost'], ['h', 'agents and health'], ['?', 'this list'], ['Esc', 'close']],
  },
  {
    group: 'Events',
    keys: [['j', 'next'], ['k', 'previous'], ['Enter', 'open'], ['P', 'process tree'], ['c', 'copy the link'], ['f', 'field list']],
  },
  {
    group: 'Time',
    keys: [['[', 'earlier'], [']', 'later'], ['-', 'wider'], ['=', 'closer'], ['.', 'refresh']],
  },
  { group: 'File integrity', keys: [['g', 'next grouping'], ['u', 'only unexplained'], ['b', 'baselines and coverage']] },
  { group: 'Live tail', keys: [['p', 'pause or resume']] },
  { group: 'Process tree', keys: [['← →', 'close, open'], ['↑ ↓', 'move'], ['Enter', 'open, close, show more']] },
];
