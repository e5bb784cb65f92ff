// Enough of the query language for the mock: words, phrases, field:value with wildcards, AND OR NOT, brackets.
// The real one is the server's; this one must only fail in the same form.

export class QueryError extends Error {
  constructor(start, end, message, advice) {
    super(message);
    this.problem = { start, end, message, advice, expected: [] };
  }
}

export function parse(text, known) {
  const tokens = tokenize(text);
  let at = 0;
  const or = () => {
    const parts = [and()];
    while (tokens[at]?.type === 'OR') (at++, parts.push(and()));
    return parts.length === 1 ? parts[0] : { test: (e) => parts.some((p) => p.test(e)), text: parts.map((p) => p.text).join(' OR ') };
  };
  const and = () => {
    const parts = [];
    while (at < tokens.length && tokens[at].type !== 'OR' && tokens[at].type !== ')') {
      if (tokens[at].type === 'AND') at++;
      else parts.push(unary());
    }
    return { test: (e) => parts.every((p) => p.test(e)), text: parts.map((p) => p.text).join(' AND ') };
  };
  const unary = () => {
    const token = tokens[at++];
    if (token.type === 'NOT') {
      if (at >= tokens.length) throw new QueryError(token.start, token.end, 'NOT stands before nothing', 'write what should not match');
      const inner = unary();
      return { test: (e) => !inner.test(e), text: `NOT ${inner.text}` };
    }
    if (token.type === '(') {
      const inner = or();
      if (tokens[at]?.type !== ')') throw new QueryError(token.start, token.end, 'this bracket is not closed', 'add a )');
      at++;
      return { test: inner.test, text: `(${inner.text})` };
    }
    return clause(token, known);
  };
  if (tokens.length === 0) return { test: () => true, text: '' };
  const result = or();
  if (at < tokens.length) throw new QueryError(tokens[at].start, tokens[at].end, 'this bracket closes nothing', 'remove it');
  return result;
}

function tokenize(text) {
  const tokens = [];
  for (let i = 0; i < text.length; ) {
    if (/\s/.test(text[i])) i++;
    else if (text[i] === '(' || text[i] === ')') tokens.push({ type: text[i], start: i, end: ++i });
    else if ((text[i] === '-' || text[i] === '!') && text[i + 1]) tokens.push({ type: 'NOT', start: i, end: ++i });
    else {
      const start = i;
      let value = '';
      let quote = -1;
      for (; i < text.length && (quote !== -1 || !/[\s()]/.test(text[i])); i++) {
        if (text[i] === '\\') value += text[++i] ?? '';
        else if (text[i] === '"') quote = quote === -1 ? i : -1;
        else value += text[i] === ':' && quote !== -1 ? '\u0001' : text[i];
      }
      if (quote !== -1) throw new QueryError(quote, text.length, 'this quote is not closed', 'add a " at the end');
      const type = ['AND', 'OR', 'NOT'].includes(value) ? value : 'word';
      tokens.push({ type, value, start, end: i, raw: text.slice(start, i) });
    }
  }
  return tokens;
}

function clause(token, known) {
  const colon = token.value.indexOf(':');
  const clean = (s) => s.replaceAll('\u0001', ':');
  if (colon === -1) {
    const word = clean(token.value).toLowerCase();
    return { test: (e) => word === '*' || e.words.includes(word), text: token.raw };
  }
  const field = token.value.slice(0, colon);
  const value = clean(token.value.slice(colon + 1));
  if (!known.has(field)) {
    throw new QueryError(token.start, token.start + field.length, `there is no field ${field}`, `did you mean ${nearest(field, known)}?`);
  }
  if (value === '') throw new QueryError(token.start, token.end, `${field}: has no value`, `write ${field}:* for events that have it`);
  const pattern = new RegExp(`^${value.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replaceAll('*', '.*')}$`, 's');
  return { test: (e) => (e.flat.get(field) ?? []).some((v) => String(v) === value || pattern.test(String(v))), text: `${field}:${token.raw.slice(colon + 1)}` };
}

const nearest = (name, known) => [...known].find((k) => k.includes(name.slice(-4)) || k.startsWith(name.slice(0, 4))) ?? 'process.name';
