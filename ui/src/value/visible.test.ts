import { expect, test } from 'vitest';
import { cut, escapeOf, hasHidden, pieces, visible } from './visible';

test('plain text is one piece and unchanged', () => {
  for (const text of ['', '/usr/bin/curl', 'größe 日本語 ✓ 🦀 <b>&amp;', 'a  b']) {
    expect(hasHidden(text), text).toBe(false);
    expect(visible(text)).toBe(text);
    expect(pieces(text)).toEqual(text === '' ? [] : [{ text, escape: false }]);
  }
});

test('what is not drawn, or drawn elsewhere, is an escape', () => {
  const cases: [string, string][] = [
    ['a\0b', 'a\\0b'],
    ['\u001b[31mred', '\\e[31mred'],
    ['two\nlines\t.', 'two\\nlines\\t.'],
    ['evil\u202egpj.exe', 'evil\\u202egpj.exe'],
    ['\u2066x\u2069', '\\u2066x\\u2069'],
    ['zero\u200bwidth\u200d\ufeff', 'zero\\u200bwidth\\u200d\\ufeff'],
    ['no-break\u00a0space', 'no-break\\xa0space'],
    ['\u0085\u007f', '\\x85\\x7f'],
    ['\u3164filler', '\\u3164filler'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['lone\ud800.', 'lone\\ud800.'],
  ];
  for (const [text, shown] of cases) expect(visible(text)).toBe(shown);
});

test('neighbouring escapes are one piece, and the pieces are the visible text', () => {
  const text = 'a\r\nb\u202e';
  expect(pieces(text)).toEqual([
    { text: 'a', escape: false }, { text: '\\r\\n', escape: true }, { text: 'b', escape: false }, { text: '\\u202e', escape: true },
  ]);
  expect(pieces(text).map((piece) => piece.text).join('')).toBe(visible(text));
});

test('every control character has an escape of printable ASCII', () => {
  for (let code = 0; code < 0xa0; code++) {
    const character = String.fromCharCode(code);
    if (code >= 0x20 && code < 0x7f) expect(hasHidden(character)).toBe(false);
    else expect(escapeOf(character)).toMatch(/^\\[ -~]+$/);
  }
});

test('cutting keeps characters whole', () => {
  expect(cut('abc', 3)).toBe('abc');
  expect(cut('abcd', 3)).toBe('abc');
  expect(cut('ab🦀', 3)).toBe('ab');
});
