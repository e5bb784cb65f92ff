/**
 * How agents and server are doing, asked every few seconds while the page is visible: for the mark in the header, for
 * the bar that says when data is behind, and for the health view.
 */
import { agents, health } from './calls';
import { ApiError, asApiError } from './client';
import type { Agent, Health } from './types';

const EVERY_MS = 10_000;
const BEHIND_MS = 120_000;
const BEHIND_EVENTS = 50_000;

class Fleet {
  agents = $state.raw<Agent[] | null>(null);
  health = $state.raw<Health | null>(null);
  error = $state.raw<ApiError | null>(null);
  at = $state(0);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts asking; the returned function stops it. */
  watch(): () => void {
    const onVisible = (): void => {
      if (!document.hidden) void this.ask();
    };
    document.addEventListener('visibilitychange', onVisible);
    void this.ask();
    return () => {
      document.removeEventListener('visibilitychange', onVisible);
      clearTimeout(this.#timer);
    };
  }

  async ask(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const [agentList, healthNow] = await Promise.all([agents(), health()]);
      this.agents = agentList;
      this.health = healthNow;
      this.error = null;
      this.at = Date.now();
    } catch (error) {
      this.error = asApiError(error);
    }
    if (this.error?.status === 401 || document.hidden) return;
    this.#timer = setTimeout(() => void this.ask(), EVERY_MS);
  }

  /** Sentences on what makes the newest data late or missing; empty when nothing does. */
  get troubles(): string[] {
    const out: string[] = [];
    for (const agent of this.agents ?? []) {
      if (agent.state === 'silent') out.push(`agent ${agent.name} is silent`);
      else if ((agent.lag_ms ?? 0) > BEHIND_MS) out.push(`agent ${agent.name} is ${Math.round((agent.lag_ms ?? 0) / 60_000)} min behind`);
    }
    for (const consumer of this.health?.consumers ?? []) {
      if (consumer.trouble) out.push(`the ${consumer.name} has trouble: ${consumer.trouble}`);
      else if (consumer.lag_events > BEHIND_EVENTS || (consumer.lag_ms ?? 0) > BEHIND_MS) {
        out.push(`the ${consumer.name} is ${consumer.lag_events.toLocaleString('en')} events behind`);
      }
    }
    for (const window of this.health?.store.failed ?? []) out.push(`window ${window.name} cannot be read`);
    return out;
  }
}

export const fleet = new Fleet();
