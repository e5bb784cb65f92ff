/**
 * The little that the page itself must know of the query language: where quotes, groups and words begin and end, how a
 * value is written so that it means itself, and how a filter is added. Parsing is the server's alone.
 */

export type Scalar = string | number | boolean;

/** `field:"value"`, written so that the server reads exactly this value. */
export function filterText(field: string, value: Scalar): string {
  return `${escapeField(field)}:${valueText(value)}`;
}

export function valueText(value: Scalar): string {
  if (typeof value !== 'string') return value.toString().startsWith('-') ? `"${value}"` : String(value);
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}

function escapeField(field: string): string {
  return field.replace(/[^\p{L}\p{N}_.@-]/gu, '\\$&');
}

/** `query AND filter`; a filter that is there already is not added again, and the opposite one is taken out. */
export function addFilter(query: string, field: string, value: Scalar, mode: 'include' | 'exclude'): string {
  const plain = filterText(field, value);
  const wanted = mode === 'include' ? plain : `NOT ${plain}`;
  const opposite = mode === 'include' ? `NOT ${plain}` : plain;
  const clauses = topClauses(query);
  if (clauses === null) return join(query.trim() === '*' ? '' : `(${query.trim()})`, wanted);
  if (clauses.includes(wanted)) return query.trim();
  return [...clauses.filter((clause) => clause !== opposite && clause !== '*'), wanted].join(' ');
}

function join(left: string, right: string): string {
  return left === '' ? right : `${left} ${right}`;
}

/**
 * The clauses that a query ANDs together, `NOT x` as one clause. `null` where there is an OR on the top level (or the
 * text is not balanced), so that the whole must be put in brackets.
 */
export function topClauses(query: string): string[] | null {
  const words = topWords(query);
  if (words === null || words.some((word) => word === 'OR' || word === '||')) return null;
  const clauses: string[] = [];
  let not = '';
  for (const word of words) {
    if (word === 'AND' || word === '&&') continue;
    if (word === 'NOT') {
      not += 'NOT ';
      continue;
    }
    clauses.push(not + word);
    not = '';
  }
  return not === '' ? clauses : null;
}

/** Words of the top level; quotes, brackets and what stands in them belong to their word. */
function topWords(query: string): string[] | null {
  const words: string[] = [];
  let word = '';
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < query.length; i++) {
    const c = query[i]!;
    if (c === '\\') word += c + (query[++i] ?? '');
    else if (c === '"') {
      quoted = !quoted;
      word += c;
    } else if (quoted) word += c;
    else if (/\s/.test(c) && depth === 0) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      if (c === '(' || c === '[' || c === '{') depth++;
      if (c === ')' || c === ']' || c === '}') depth--;
      word += c;
    }
    if (depth < 0) return null;
  }
  if (quoted || depth !== 0) return null;
  if (word !== '') words.push(word);
  return words;
}
