/**
 * The live tail: a stream of matching events, newest first, bounded. Paused, events are still counted (and the newest of
 * them kept), so that what is shown + held + skipped is all that matched.
 */
import { withQuery } from '../../api/client';
import type { TailRow } from '../../api/types';
import { page } from '../../state/page.svelte';

const KEEP = 5_000;
const RATE_WINDOW_MS = 5_000;

type Connection = 'connecting' | 'open' | 'lost';

export class Tail {
  rows = $state.raw<TailRow[]>([]);
  connection = $state<Connection>('connecting');
  paused = $state(false);
  /** Matching events since the start that came to this page. */
  received = $state(0);
  /** Matching events that the server did not send. */
  skipped = $state(0);
  /** Events that came while paused and wait to be shown. */
  held = $state(0);
  /** Of those, the ones that no longer fit. */
  dropped = $state(0);
  version = $state(0);
  perSecond = $state(0);
  /** Told how many rows came in above the others. */
  onrows: (count: number) => void = () => undefined;
  onlost: () => void = () => undefined;
  #source: EventSource | undefined;
  #waiting: TailRow[] = [];
  #arrivals: { at: number; count: number }[] = [];
  #frame = 0;

  start(query: string, streams: string[]): () => void {
    this.rows = [];
    this.#waiting = [];
    this.received = this.skipped = this.held = this.dropped = 0;
    this.connection = 'connecting';
    const source = (this.#source = new EventSource(withQuery('/api/tail', { query, streams: streams.join(',') })));
    source.addEventListener('open', () => (this.connection = 'open'));
    source.addEventListener('rows', (message) => this.#take(JSON.parse((message as MessageEvent<string>).data) as { rows: TailRow[]; skipped: number }));
    source.addEventListener('error', () => this.#onError());
    return () => {
      source.close();
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
    };
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.held = 0;
    this.#schedule();
  }

  clear(): void {
    this.rows = [];
    this.version += 1;
  }

  find = (id: string): TailRow | undefined => this.rows.find((row) => row.id === id);

  #take(message: { rows: TailRow[]; skipped: number }): void {
    this.received += message.rows.length;
    this.skipped += message.skipped;
    this.#measure(message.rows.length + message.skipped);
    for (const row of message.rows) this.#waiting.push(row);
    if (this.#waiting.length > KEEP) {
      this.dropped += this.#waiting.length - KEEP;
      this.#waiting.splice(0, this.#waiting.length - KEEP);
    }
    if (this.paused) this.held += message.rows.length;
    else this.#schedule();
  }

  /** At most one change of the table per frame, however fast events come. */
  #schedule(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.paused || this.#waiting.length === 0) return;
      const fresh = this.#waiting.reverse();
      this.#waiting = [];
      this.rows = [...fresh, ...this.rows].slice(0, KEEP);
      this.version += 1;
      this.onrows(fresh.length);
    });
  }

  #measure(count: number): void {
    const now = performance.now();
    this.#arrivals.push({ at: now, count });
    this.#arrivals = this.#arrivals.filter((arrival) => now - arrival.at < RATE_WINDOW_MS);
    const since = Math.max(1000, now - (this.#arrivals[0]?.at ?? now));
    this.perSecond = this.#arrivals.reduce((sum, arrival) => sum + arrival.count, 0) / (since / 1000);
  }

  #onError(): void {
    this.connection = 'lost';
    // The browser tries again by itself unless the server refused; then only a new stream helps.
    if (this.#source?.readyState === EventSource.CLOSED) this.onlost();
  }
}

/** The search that looks for the same events. */
export function asSearch(): void {
  page.go({ view: 'search', from: 'now-15m', to: '', open: '' });
}
