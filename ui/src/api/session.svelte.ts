/** Who is logged in. `ended` is a session that stopped while the page was open: the page stays as it is and says so. */
import { ApiError, get, send, setCsrf, setUnauthorizedHandler } from './client';
import type { Me } from './types';

type State = 'asking' | 'in' | 'out' | 'ended' | 'unreachable';

class Session {
  state = $state<State>('asking');
  me = $state<Me | null>(null);
  /** Set after a login by link without a password: the page offers to set one. */
  offerPassword = $state(false);
  #channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('auditng-session');

  constructor() {
    setUnauthorizedHandler(() => this.#end());
    this.#channel?.addEventListener('message', (message: MessageEvent<string>) => this.#hear(message.data));
  }

  async ask(): Promise<void> {
    try {
      this.#enter(await get<Me>('/api/me'));
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 401) this.state = this.me ? 'ended' : 'out';
      else if (this.state === 'asking') this.state = 'unreachable';
    }
  }

  async login(body: { link: string } | { user: string; password: string }): Promise<void> {
    const me = await send<Me>('POST', '/api/login', body);
    this.offerPassword = 'link' in body && !me.password_set;
    this.#enter(me);
    this.#channel?.postMessage('in');
  }

  async setPassword(password: string): Promise<void> {
    await send('POST', '/api/password', { password });
    if (this.me) this.me.password_set = true;
    this.offerPassword = false;
  }

  async logout(): Promise<void> {
    await send('POST', '/api/logout');
    this.me = null;
    this.state = 'out';
    this.#channel?.postMessage('out');
  }

  can(role: 'analyst' | 'admin'): boolean {
    return this.me?.role === 'admin' || this.me?.role === role;
  }

  #enter(me: Me): void {
    setCsrf(me.csrf);
    this.me = me;
    this.state = 'in';
  }

  #end(): void {
    if (this.state === 'in') this.state = 'ended';
  }

  #hear(message: string): void {
    if (message === 'out') this.#end();
    else if (message === 'in' && this.state !== 'in') void this.ask();
  }
}

export const session = new Session();
