import { expect, test } from 'vitest';
import type { Source } from '../../api/types';
import { actionText, differencesOf, expectedText, otherPath, whoText, whyNobody, windowOf } from './change';

const source: Source = {
  '@timestamp': '2026-11-24T08:00:00.000Z',
  event: { action: ['replaced'] },
  user: { name: 'ada' },
  process: { executable: '/usr/bin/vim', pid: 4711 },
  auditng: {
    fim: {
      changed: ['mode', 'xattr:user.a.b', 'sha256', 'gone'], before: { mode: '0644', sha256: 'aa', 'xattr:user.a.b': '"x"' }, after: { mode: '0600', sha256: 'bb' },
      old_path: '/etc/.x.swp', count: 1,
    },
  },
};

test('what differs, the most telling first, whatever the names hold', () => {
  expect(differencesOf(source)).toEqual([
    { name: 'sha256', before: 'aa', after: 'bb' }, { name: 'mode', before: '0644', after: '0600' }, { name: 'gone', before: null, after: null },
    { name: 'xattr:user.a.b', before: '"x"', after: null },
  ]);
  expect(differencesOf({})).toEqual([]);
});

test('who, or why nobody', () => {
  expect(whoText(source)).toBe('ada with /usr/bin/vim (4711)');
  expect(whoText({ process: { pid: 7 } })).toBe('process 7');
  expect(whoText({})).toBe('');
  expect(whyNobody('found_by_scan')).toContain('scan');
  expect(whyNobody('new_reason')).toBe('new_reason');
});

test('words for actions, other paths and what was expected', () => {
  expect(otherPath(source)).toEqual({ word: 'replaced by what was', path: '/etc/.x.swp' });
  expect(actionText({ event: { action: ['attributes_modified'] } })).toBe('attributes modified');
  expect(actionText({ event: { action: 'created' }, auditng: { fim: { count: 1500 } } })).toBe('created, 1,500 files');
  expect(expectedText({ auditng: { fim: { provenance: { by: 'dpkg', packages: ['a', 'b'], versions: ['1'] } } } })).toBe('by dpkg: a 1, b');
  expect(expectedText({ auditng: { fim: { change_window: 'deploy' } } })).toBe('in the declared window: deploy');
  expect(expectedText(source)).toBe('');
  expect(windowOf({ auditng: { fim: { window_start: '2026-11-24T08:00:00Z', window_end: '2026-11-24T09:00:00Z' } } })).toEqual({ from: 1795507200000, to: 1795510800000 });
  expect(windowOf(source)).toBeNull();
});
