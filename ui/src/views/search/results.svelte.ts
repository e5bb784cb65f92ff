/**
 * One search and its pages. The first answer fixes the time range in milliseconds, so that later pages and counts speak
 * of the same events although `now` moves on. A failure never empties what was there: it stands beside it.
 */
import { search } from '../../api/calls';
import { type ApiError, asApiError, isAbort } from '../../api/client';
import type { Aggregation, Hit, SearchAnswer, SearchRequest, SortValue } from '../../api/types';
import type { PageState } from '../../state/url';
import { chooseInterval, type Interval } from '../../time/interval';
import { resolveRange, type Span } from '../../time/range';
import { furthest, KEEP, pageOf, sizeOf, startOf } from './paging';

const TRACK_TOTAL = 10_000;
const OVER_TIME = 'over_time';

export interface Chart {
  aggregation: Aggregation;
  interval: Interval;
  span: Span;
}

export class Results {
  /** The answer to the first page; `null` before the first one. */
  answer = $state.raw<SearchAnswer | null>(null);
  /** The state that `answer` answers. */
  asked = $state.raw<PageState | null>(null);
  error = $state.raw<ApiError | null>(null);
  pageError = $state.raw<ApiError | null>(null);
  chart = $state.raw<Chart | null>(null);
  chartError = $state.raw<ApiError | null>(null);
  loading = $state(false);
  /** Rows known so far. */
  count = $state(0);
  complete = $state(false);
  version = $state(0);
  answeredAt = $state(0);
  #pages = new Map<number, Hit[]>();
  #cursors = new Map<number, SortValue[]>();
  #fetching = new Set<number>();
  #run: AbortController | undefined;

  async run(state: PageState, zone: string, allowPartial = false): Promise<void> {
    this.#run?.abort();
    const mine = (this.#run = new AbortController());
    this.loading = true;
    const span = resolveRange(state, Date.now(), zone);
    const interval = span && span.to > span.from ? chooseInterval(span.to - span.from) : null;
    const request = { ...requestOf(state, zone), size: sizeOf(0), track_total: TRACK_TOTAL, ...(allowPartial && { allow_partial: true }) };
    try {
      const answer = await search({ ...request, aggs: interval ? overTime(interval) : extent() }, mine.signal);
      this.#accept(state, answer);
      if (interval && span) this.#setChart(answer, interval, spanOf(answer) ?? span);
      else await this.#chartOfEverything(request, answer, mine.signal);
    } catch (error) {
      if (isAbort(error)) return;
      this.error = asApiError(error);
    }
    if (this.#run === mine) this.loading = false;
  }

  hitAt = (row: number): Hit | undefined => {
    const page = pageOf(row);
    return this.#pages.get(page)?.[row - startOf(page)];
  };

  indexOf(id: string): number {
    for (const [page, hits] of this.#pages) {
      const at = hits.findIndex((hit) => hit.id === id);
      if (at !== -1) return startOf(page) + at;
    }
    return -1;
  }

  /** Sees to it that the rows `first..end` are there or on their way, and the page after them too. */
  need = (first: number, end: number): void => {
    if (!this.answer || this.pageError) return;
    const last = pageOf(Math.max(first, end - 1));
    for (let page = pageOf(first); page <= last; page++) void this.#fetch(page);
    if (!this.complete && end >= this.count - sizeOf(0) / 2) void this.#fetch(pageOf(this.count));
  };

  retryPage = (): void => {
    this.pageError = null;
    this.version += 1;
    void this.#fetch(pageOf(this.count));
  };

  #accept(state: PageState, answer: SearchAnswer): void {
    this.error = null;
    this.pageError = null;
    this.asked = state;
    this.answer = answer;
    this.answeredAt = Date.now();
    this.#pages = new Map([[0, answer.hits]]);
    this.#cursors.clear();
    this.#fetching.clear();
    this.#afterPage(0, answer.hits);
    this.count = answer.hits.length;
    this.complete = answer.hits.length < sizeOf(0);
    this.version += 1;
  }

  #afterPage(page: number, hits: Hit[]): void {
    const last = hits[hits.length - 1];
    if (last && hits.length === sizeOf(page)) this.#cursors.set(page + 1, last.sort);
  }

  async #fetch(page: number): Promise<void> {
    const cursor = this.#cursors.get(page);
    const answer = this.answer;
    const asked = this.asked;
    if (!cursor || !answer || !asked || this.#pages.has(page) || this.#fetching.has(page)) return;
    this.#fetching.add(page);
    const run = this.#run;
    try {
      const request: SearchRequest = { ...requestOf(asked, asked.zone), size: sizeOf(page), search_after: cursor, track_total: 0 };
      if (typeof answer.from_ms === 'number' && asked.from !== '') request.from = answer.from_ms;
      if (typeof answer.to_ms === 'number') request.to = answer.to_ms;
      const { hits } = await search(request, run?.signal);
      if (this.#run === run) this.#addPage(page, hits);
    } catch (error) {
      if (!isAbort(error) && this.#run === run) this.pageError = asApiError(error);
    } finally {
      if (this.#run === run) this.#fetching.delete(page);
    }
  }

  #addPage(page: number, hits: Hit[]): void {
    this.#pages.set(page, hits);
    this.#afterPage(page, hits);
    if (this.#pages.size > KEEP) this.#pages.delete(furthest(this.#pages.keys(), page));
    const known = startOf(page) + hits.length;
    if (hits.length < sizeOf(page)) this.complete = true;
    if (known > this.count) this.count = known;
    this.version += 1;
  }

  #setChart(answer: SearchAnswer, interval: Interval, span: Span): void {
    const aggregation = answer.aggregations?.[OVER_TIME];
    this.chartError = null;
    this.chart = aggregation ? { aggregation, interval, span } : null;
  }

  /** Without a beginning the width of the buckets is only known after the oldest and newest event are. */
  async #chartOfEverything(request: SearchRequest, answer: SearchAnswer, signal: AbortSignal): Promise<void> {
    const oldest = answer.aggregations?.['oldest']?.value;
    const newest = answer.aggregations?.['newest']?.value;
    this.chart = null;
    if (typeof oldest !== 'number' || typeof newest !== 'number') return;
    const span = { from: oldest, to: newest + 1 };
    const interval = chooseInterval(Math.max(span.to - span.from, 1000));
    try {
      const counted = await search({ ...request, from: oldest, to: newest + 1, size: 0, track_total: 0, aggs: overTime(interval) }, signal);
      this.#setChart(counted, interval, span);
    } catch (error) {
      if (isAbort(error)) throw error;
      this.chartError = asApiError(error);
    }
  }
}

export function requestOf(state: PageState, zone: string): SearchRequest {
  const request: SearchRequest = { query: state.query };
  if (state.from !== '') request.from = state.from;
  // With a beginning but no end, the end is now: said aloud, so that the answer names both in milliseconds.
  if (state.to !== '' || state.from !== '') request.to = state.to || 'now';
  if (zone !== '') request.time_zone = zone;
  if (state.streams.length > 0) request.streams = state.streams;
  if (state.sort) request.sort = [{ [state.sort.field]: state.sort.order }];
  return request;
}

/** The range that was really searched, in milliseconds, for calls that must speak of the same events. */
export function spanOf(answer: SearchAnswer): Span | null {
  const { from_ms: from, to_ms: to } = answer;
  return typeof from === 'number' && typeof to === 'number' && to > from ? { from, to } : null;
}

function overTime(interval: Interval): Record<string, unknown> {
  return {
    [OVER_TIME]: {
      date_histogram: { field: '@timestamp', fixed_interval: interval.text },
      aggs: { outcome: { terms: { field: 'event.outcome', size: 3 } } },
    },
  };
}

function extent(): Record<string, unknown> {
  return { oldest: { min: { field: '@timestamp' } }, newest: { max: { field: '@timestamp' } } };
}
