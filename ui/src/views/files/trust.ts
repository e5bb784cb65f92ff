/** What the server makes of baselines and scans, in words. */
import type { FimHole, FimHost, FimScan, Standing } from '../../api/types';

export const WEEK_MS = 7 * 86_400_000;

export const STANDING: Record<Standing, { title: string; what: string }> = {
  ok: { title: 'in order', what: 'is in order' },
  gap: { title: 'not seen whole', what: 'has generations between that were never told of' },
  accepted: { title: 'accepted', what: 'was accepted as it is' },
  'rolled-back': { title: 'rolled back', what: 'went back to an earlier generation' },
  forked: { title: 'forked', what: 'does not follow the generation that was told before' },
  'key-changed': { title: 'key changed', what: 'is signed with another key than before' },
};

const WHOLE = new Set(['meta', 'full', 'while-down', 'baseline']);

/** The newest scan that looked at everything, to its end. */
export function lastWhole(host: FimHost): FimScan | null {
  const whole = host.scans.filter((scan) => scan.end !== null && !scan.broken && WHOLE.has(scan.kind ?? ''));
  return whole.reduce<FimScan | null>((last, scan) => (last === null || scan.end! > last.end! ? scan : last), null);
}

export function isLate(scan: FimScan | null, now: number): boolean {
  return scan !== null && now - Date.parse(scan.end ?? '') > WEEK_MS;
}

export function coverageText(hole: FimHole): string {
  if (hole.action === 'source-loss') return 'events were lost';
  if (hole.action === 'fim-scan-stale') return 'a scan is late';
  if (hole.source === 'scan-only') return 'seen by scans only';
  return 'not watched';
}
