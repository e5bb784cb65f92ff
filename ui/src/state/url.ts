/**
 * The state of the page as a URL and back: whatever a person would send to a colleague. Preferences (theme, panel
 * widths) are not in it. Parsing takes any text: what it does not understand it leaves at the usual value.
 */
import { type Column, defaultColumns, formatColumns, parseColumns } from '../event/columns';
import type { Range } from '../time/range';

export const BASE = '/ui/';
export const VIEWS = ['search', 'tail', 'files', 'containers', 'process', 'lost', 'health', 'account', 'login'] as const;
export type View = (typeof VIEWS)[number];

export interface PageState extends Range {
  view: View;
  query: string;
  /** Empty: the browser's. */
  zone: string;
  streams: string[];
  columns: Column[];
  /** `null`: newest first. */
  sort: { field: string; order: 'asc' | 'desc' } | null;
  /** The opened event. */
  open: string;
  /** What its panel shows. */
  tab: DetailTab;
  /** What only one view knows, by the names of `OWN`. */
  own: Partial<Record<Own, string>>;
}

/**
 * `entity`: the process whose tree is shown, `at`: the chosen one in it; `by`, `find`, `order`, `skip`: a list's rows; the
 * others narrow the changes of files, `quiet` to those that nothing explains, `part` is the side of the view.
 */
export const OWN = ['entity', 'at', 'by', 'find', 'order', 'skip', 'part', 'severity', 'host', 'policy', 'file', 'container', 'package', 'quiet'] as const;
export type Own = (typeof OWN)[number];

export const TABS = ['fields', 'raw', 'json', 'around'] as const;
export type DetailTab = (typeof TABS)[number];

export const DEFAULT_FROM = 'now-15m';

export function defaultState(view: View = 'search'): PageState {
  return {
    view, query: '', from: DEFAULT_FROM, to: '', zone: '', streams: [], columns: defaultColumns(), sort: null, open: '', tab: 'fields', own: {},
  };
}

/** From path and query of the address, for example `/ui/search` and `?q=curl`. */
export function parseUrl(path: string, query: string): PageState {
  const parameters = new URLSearchParams(query);
  const text = (name: string): string => parameters.get(name) ?? '';
  const state = defaultState(viewOf(path));
  state.query = text('q');
  if (parameters.has('from')) state.from = text('from') === '*' ? '' : text('from');
  state.to = text('to');
  state.zone = text('tz');
  state.streams = text('streams').split(',').filter((name) => name !== '');
  if (text('cols') !== '') state.columns = parseColumns(text('cols'));
  state.sort = parseSort(text('sort'));
  state.open = text('open');
  state.tab = TABS.find((tab) => tab === text('tab')) ?? 'fields';
  for (const name of OWN) if (text(name) !== '') state.own[name] = text(name);
  return state;
}

/** Path and query; what has its usual value is left out, so that links stay short. */
export function formatUrl(state: PageState): string {
  const parameters = new URLSearchParams();
  const set = (name: string, value: string): void => {
    if (value !== '') parameters.set(name, value);
  };
  set('q', state.query);
  if (state.from !== DEFAULT_FROM) set('from', state.from === '' ? '*' : state.from);
  set('to', state.to === 'now' ? '' : state.to);
  set('tz', state.zone);
  set('streams', state.streams.join(','));
  set('cols', formatColumns(state.columns));
  if (state.sort) set('sort', `${state.sort.field}:${state.sort.order}`);
  set('open', state.open);
  if (state.open !== '' && state.tab !== 'fields') set('tab', state.tab);
  for (const name of OWN) set(name, state.own[name] ?? '');
  const text = parameters.toString();
  return `${BASE}${state.view}${text === '' ? '' : `?${text}`}`;
}

function viewOf(path: string): View {
  const name = path.startsWith(BASE) ? path.slice(BASE.length).replace(/\/$/, '') : '';
  return VIEWS.find((view) => view === name) ?? 'search';
}

function parseSort(text: string): PageState['sort'] {
  const match = /^(.+):(asc|desc)$/.exec(text);
  return match ? { field: match[1]!, order: match[2] as 'asc' | 'desc' } : null;
}
