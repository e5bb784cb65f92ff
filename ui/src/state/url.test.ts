import { expect, test } from 'vitest';
import { defaultState, formatUrl, type PageState, parseUrl } from './url';

const parse = (url: string) => {
  const { pathname, search } = new URL(url, 'http://localhost');
  return parseUrl(pathname, search);
};

test('the usual state is a bare path', () => {
  expect(formatUrl(defaultState())).toBe('/ui/search');
  expect(parse('/ui/')).toEqual(defaultState());
  expect(parse('/ui/tail').view).toBe('tail');
});

test('state to text and back', () => {
  const states: PageState[] = [
    { ...defaultState(), query: 'process.args:"a b&c#d" OR +x', from: 'now-7d', to: 'now-1d', zone: 'Asia/Kolkata' },
    { ...defaultState('tail'), streams: ['audit', 'health'], columns: [{ name: 'a.b', width: 99 }] },
    { ...defaultState(), from: '', sort: { field: 'process.pid', order: 'asc' }, open: '00ab-1-2', tab: 'raw' },
    { ...defaultState('process'), own: { entity: 'ab/c+d=', at: 'x y' } },
    { ...defaultState('files'), own: { by: 'host', severity: 'critical,high', file: '/etc/a b&c=\n', quiet: '1', part: 'trust' } },
    { ...defaultState('containers'), own: { by: 'image', find: 'nginx', order: 'last:asc' } },
    { ...defaultState(), query: 'ünï 日本 \u202e', from: '2026-11-24T08:00:00.000Z', to: '2026-11-24T09:00:00.000Z' },
  ];
  for (const state of states) expect(parse(formatUrl(state))).toEqual(state);
});

test('nonsense gives the usual state, not an error', () => {
  expect(parse('/ui/nowhere?sort=up&tab=x&cols=,,&streams=,')).toEqual({ ...defaultState(), columns: [] });
  expect(parse('/elsewhere?q=%E0%A4%A').view).toBe('search');
});
