/** The address bar as reactive state. Every change goes through `go`, so back, reload and sharing always work. */
import { localZone } from '../time/zone';
import { formatUrl, type PageState, parseUrl } from './url';

class Page {
  state = $state.raw<PageState>(parseUrl(location.pathname, location.search));
  /** Grows with each `go` that asks for fresh data although the address is the same. */
  refreshes = $state(0);

  constructor() {
    addEventListener('popstate', () => {
      this.state = parseUrl(location.pathname, location.search);
    });
  }

  get zone(): string {
    return this.state.zone || localZone();
  }

  /** `replace`: not a step of its own for the back button. */
  go(patch: Partial<PageState>, replace = false): void {
    const next = this.#next(patch);
    const url = formatUrl(next);
    const same = url === location.pathname + location.search;
    if (!same) history[replace ? 'replaceState' : 'pushState'](null, '', url);
    this.state = next;
  }

  refresh(): void {
    this.refreshes += 1;
  }

  href(patch: Partial<PageState>): string {
    return formatUrl(this.#next(patch));
  }

  /** What belongs to a view alone stays behind when another one is chosen. */
  #next(patch: Partial<PageState>): PageState {
    const leaves = patch.view !== undefined && patch.view !== this.state.view;
    return { ...this.state, ...(leaves && { own: {}, open: '' }), ...patch };
  }
}

export const page = new Page();
