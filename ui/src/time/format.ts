/** Numbers, sizes and durations for people. Units stand with the number; nothing is rounded to a lie of zero. */

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function count(value: number): string {
  return grouped.format(value);
}

/** `12.3k`, `4.5M`: for axes and tight places; the exact number belongs in the title. */
export function short(value: number): string {
  if (Math.abs(value) < 10_000) return grouped.format(value);
  for (const [size, unit] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const) {
    if (Math.abs(value) >= size) return `${trim(value / size)}${unit}`;
  }
  return grouped.format(value);
}

export function bytes(value: number): string {
  if (value < 1024) return `${grouped.format(value)} B`;
  let size = value;
  for (const unit of ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']) {
    size /= 1024;
    if (size < 1024 || unit === 'PiB') return `${trim(size)} ${unit}`;
  }
  return '';
}

export function duration(ms: number): string {
  const size = Math.abs(ms);
  if (size < 1000) return `${Math.round(ms)} ms`;
  if (size < 60_000) return `${trim(ms / 1000)} s`;
  if (size < 3_600_000) return `${trim(ms / 60_000)} min`;
  if (size < 48 * 3_600_000) return `${trim(ms / 3_600_000)} h`;
  return `${trim(ms / 86_400_000)} days`;
}

export function ago(then: number, now: number): string {
  const passed = now - then;
  return passed < 1500 && passed > -1500 ? 'now' : passed < 0 ? `in ${duration(-passed)}` : `${duration(passed)} ago`;
}

/** `12.3 %`; what is there but tiny is `< 0.1 %`. */
export function share(part: number, whole: number): string {
  if (whole <= 0) return '–';
  const percent = (part / whole) * 100;
  if (percent > 0 && percent < 0.1) return '< 0.1 %';
  return `${percent >= 99.95 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`;
}

function trim(value: number): string {
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
  return text.endsWith('.0') ? text.slice(0, -2) : text;
}
