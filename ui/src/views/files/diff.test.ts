import { expect, test } from 'vitest';
import { linesOf, reasonText } from './diff';

const text = (diff: string) => linesOf(diff).map((line) => [line.kind, line.parts.map((part) => part.text).join('')]);

test('lines of a diff are what they are', () => {
  expect(text('--- before\n+++ after\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n\\ No newline at end of file\n')).toEqual([
    ['head', '--- before'], ['head', '+++ after'], ['hunk', '@@ -1,2 +1,2 @@'], ['same', 'same'], ['del', 'old'], ['add', 'new'],
    ['note', '\\ No newline at end of file'],
  ]);
});

test('what looks like a head inside a hunk is a line of the file', () => {
  expect(text('@@ -1 +1 @@\n--- x\n+++ y\n\n')).toEqual([['hunk', '@@ -1 +1 @@'], ['del', '-- x'], ['add', '++ y'], ['same', '']]);
});

test('redactions stand apart, and only real ones', () => {
  const [line] = linesOf('+password = <redacted 1> # <redacted 12>');
  expect(line?.parts).toEqual([
    { text: 'password = ', redacted: false }, { text: 'redacted 1', redacted: true }, { text: ' # ', redacted: false }, { text: 'redacted 12', redacted: true },
  ]);
  expect(linesOf('+<redacted x> <b>')[0]?.parts).toEqual([{ text: '<redacted x> <b>', redacted: false }]);
});

test('no diff is no line, and says why', () => {
  expect(linesOf('')).toEqual([]);
  expect(reasonText('quota')).toContain('full');
  expect(reasonText('odd')).toContain('odd');
});
