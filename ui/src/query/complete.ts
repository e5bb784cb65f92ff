/** What could be written at the caret: a field, a value of a field, or nothing. Pure; asking the server is the bar's work. */
import type { FieldInfo, ValueCount } from '../api/types';
import { valueText } from './text';

export type Place =
  | { kind: 'field'; prefix: string; start: number; end: number }
  | { kind: 'value'; field: string; prefix: string; start: number; end: number }
  | null;

export interface Suggestion {
  label: string;
  detail: string;
  insert: string;
}

/** Where the caret stands: `start..end` is what a suggestion replaces. */
export function placeAt(query: string, caret: number): Place {
  const { start, quote } = wordStart(query, caret);
  const typed = query.slice(start, caret);
  const colon = typed.search(/(?<!\\):/);
  const end = wordEnd(query, caret, quote !== -1);
  if (colon === -1) return quote === -1 ? fieldPlace(typed, start, fieldEnd(query, caret, end)) : null;
  const field = typed.slice(0, colon).replace(/\\(.)/g, '$1');
  const from = start + colon + 1;
  if (/^[[{(<>]/.test(query.slice(from, from + 1))) return null;
  return { kind: 'value', field, prefix: unquote(query.slice(from, caret)), start: from, end };
}

function fieldPlace(typed: string, start: number, end: number): Place {
  const lead = /^[-+!]*/.exec(typed)?.[0].length ?? 0;
  const prefix = typed.slice(lead);
  return /^["/[{]/.test(prefix) || prefix.includes('*') ? null : { kind: 'field', prefix, start: start + lead, end };
}

/** Up to and with the colon, so that completing the name leaves the value behind it alone. */
function fieldEnd(query: string, caret: number, end: number): number {
  const colon = query.slice(caret, end).indexOf(':');
  return colon === -1 ? end : caret + colon + 1;
}

function wordStart(query: string, caret: number): { start: number; quote: number } {
  let start = 0;
  let quote = -1;
  for (let i = 0; i < caret; i++) {
    const c = query[i]!;
    if (c === '\\') i++;
    else if (c === '"') quote = quote === -1 ? i : -1;
    else if (quote === -1 && (/\s/.test(c) || c === '(')) start = i + 1;
  }
  return { start, quote };
}

function wordEnd(query: string, caret: number, quoted: boolean): number {
  let i = caret;
  while (i < query.length && (quoted ? query[i] !== '"' : !/[\s()]/.test(query[i]!))) i += query[i] === '\\' ? 2 : 1;
  return Math.min(quoted ? i + 1 : i, query.length);
}

function unquote(text: string): string {
  return text.replace(/^"/, '').replace(/"$/, '').replace(/\\(.)/g, '$1');
}

/** Fields for a prefix: those that begin with it, then those with a part that begins with it, then the rest; seen first. */
export function suggestFields(fields: FieldInfo[], prefix: string, limit = 12): Suggestion[] {
  const wanted = prefix.toLowerCase();
  return fields
    .map((field) => ({ field, rank: rankOf(field.name.toLowerCase(), wanted) }))
    .filter(({ rank }) => rank < 3)
    .sort((a, b) => Number(b.field.seen) - Number(a.field.seen) || a.rank - b.rank || compare(a.field.name, b.field.name))
    .slice(0, limit)
    .map(({ field }) => ({
      label: field.name,
      detail: field.seen ? field.kind : `${field.kind}, no event has it`,
      insert: `${field.name}:`,
    }));
}

function rankOf(name: string, wanted: string): number {
  if (name.startsWith(wanted)) return 0;
  if (name.includes(`.${wanted}`)) return 1;
  return name.includes(wanted) ? 2 : 3;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function suggestValues(values: ValueCount[], countText: (n: number) => string): Suggestion[] {
  return values.map(({ value, count }) => ({ label: String(value), detail: countText(count), insert: `${plainOrQuoted(value)} ` }));
}

function plainOrQuoted(value: string | number | boolean): string {
  if (typeof value !== 'string') return valueText(value);
  return /^[\p{L}\p{N}][\p{L}\p{N}_.-]*$/u.test(value) && !/^(AND|OR|NOT|TO)$/.test(value) ? value : valueText(value);
}
