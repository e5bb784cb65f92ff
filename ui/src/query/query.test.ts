import { describe, expect, test } from 'vitest';
import { placeAt, suggestFields, suggestValues } from './complete';
import { addFilter, filterText, topClauses } from './text';

describe('filters', () => {
  test('a value is quoted so that it means itself', () => {
    expect(filterText('process.name', 'curl')).toBe('process.name:"curl"');
    expect(filterText('process.args', 'a "b" \\c')).toBe('process.args:"a \\"b\\" \\\\c"');
    expect(filterText('process.pid', 12)).toBe('process.pid:12');
    expect(filterText('process.exit_code', -1)).toBe('process.exit_code:"-1"');
    expect(filterText('labels.my team', 'x')).toBe('labels.my\\ team:"x"');
  });

  test('filters add up, once each', () => {
    const one = addFilter('', 'user.name', 'root', 'include');
    expect(one).toBe('user.name:"root"');
    expect(addFilter(one, 'user.name', 'root', 'include')).toBe(one);
    expect(addFilter(one, 'process.pid', 1, 'exclude')).toBe('user.name:"root" NOT process.pid:1');
  });

  test('a filter takes its opposite out', () => {
    expect(addFilter('a NOT user.name:"root"', 'user.name', 'root', 'include')).toBe('a user.name:"root"');
    expect(addFilter('user.name:"root" AND a', 'user.name', 'root', 'exclude')).toBe('a NOT user.name:"root"');
  });

  test('an OR on top is put in brackets, one inside a group is left alone', () => {
    expect(addFilter('a OR b', 'f', 'x', 'include')).toBe('(a OR b) f:"x"');
    expect(addFilter('(a OR b) c', 'f', 'x', 'include')).toBe('(a OR b) c f:"x"');
    expect(addFilter('f:"a OR b"', 'f', 'x', 'include')).toBe('f:"a OR b" f:"x"');
    expect(addFilter('*', 'f', 'x', 'include')).toBe('f:"x"');
  });

  test('clauses', () => {
    expect(topClauses('a AND NOT b c:[1 TO 2]')).toEqual(['a', 'NOT b', 'c:[1 TO 2]']);
    expect(topClauses('a || b')).toBeNull();
    expect(topClauses('a "b')).toBeNull();
    expect(topClauses('a)')).toBeNull();
  });
});

describe('completion', () => {
  const at = (text: string) => {
    const caret = text.indexOf('|');
    return placeAt(text.replace('|', ''), caret);
  };

  test('a word is a field', () => {
    expect(at('proc|')).toEqual({ kind: 'field', prefix: 'proc', start: 0, end: 4 });
    expect(at('a (-pro|cess x')).toEqual({ kind: 'field', prefix: 'pro', start: 4, end: 11 });
    expect(at('us|er:root')).toEqual({ kind: 'field', prefix: 'us', start: 0, end: 5 });
    expect(at('|')).toEqual({ kind: 'field', prefix: '', start: 0, end: 0 });
  });

  test('after the colon stands a value', () => {
    expect(at('user.name:ro|')).toEqual({ kind: 'value', field: 'user.name', prefix: 'ro', start: 10, end: 12 });
    expect(at('user.name:|')).toEqual({ kind: 'value', field: 'user.name', prefix: '', start: 10, end: 10 });
  });

  test('a quoted value is one value, blanks and all', () => {
    expect(at('x a.b:"my fi|le" c')).toEqual({ kind: 'value', field: 'a.b', prefix: 'my fi', start: 6, end: 15 });
  });

  test('nothing inside phrases, ranges and regexes', () => {
    expect(at('"some wo|')).toBeNull();
    expect(at('process.pid:[1|')).toBeNull();
    expect(at('/etc|')).toBeNull();
  });

  test('fields that were seen come first, then by how well they match', () => {
    const field = (name: string, seen: boolean) => ({ name, seen, kind: 'keyword', many: false });
    const fields = [field('parent.process', false), field('x.process', true), field('process.name', true), field('process.a', false)];
    expect(suggestFields(fields, 'proc').map((s) => s.label)).toEqual(['process.name', 'x.process', 'process.a', 'parent.process']);
  });

  test('values are quoted only where they must be', () => {
    const inserts = suggestValues([{ value: 'curl', count: 1 }, { value: '/usr/bin/id', count: 2 }, { value: 'OR', count: 1 }, { value: 7, count: 1 }], String);
    expect(inserts.map((s) => s.insert)).toEqual(['curl ', '"/usr/bin/id" ', '"OR" ', '7 ']);
  });
});
