/** What belongs to the person and the screen, not to a link: kept in the browser. */

type Theme = 'system' | 'light' | 'dark';

const dark = matchMedia('(prefers-color-scheme: dark)');

class Preferences {
  theme = $state<Theme>(readTheme());
  fieldsOpen = $state(read('fields') !== 'closed');
  chartOpen = $state(read('chart') !== 'closed');
  systemDark = $state(dark.matches);

  constructor() {
    dark.addEventListener('change', () => (this.systemDark = dark.matches));
  }

  get isDark(): boolean {
    return this.theme === 'dark' || (this.theme === 'system' && this.systemDark);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    write('theme', theme);
  }

  toggleFields(): void {
    this.fieldsOpen = !this.fieldsOpen;
    write('fields', this.fieldsOpen ? 'open' : 'closed');
  }

  toggleChart(): void {
    this.chartOpen = !this.chartOpen;
    write('chart', this.chartOpen ? 'open' : 'closed');
  }
}

function readTheme(): Theme {
  const value = read('theme');
  return value === 'light' || value === 'dark' ? value : 'system';
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(`auditng.${name}`);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`auditng.${name}`, value);
  } catch {
    // A browser that keeps nothing: the preference lasts as long as the page.
  }
}

export const preferences = new Preferences();
