/** A unified diff as lines with what they are; what was taken out of them stands apart. */

export type Kind = 'add' | 'del' | 'hunk' | 'head' | 'same' | 'note';

export interface Line {
  kind: Kind;
  /** `+`, `-`, or nothing. */
  sign: string;
  parts: { text: string; redacted: boolean }[];
}

const REDACTED = /<redacted \d{1,6}>/g;

export function linesOf(diff: string): Line[] {
  const lines = diff.split('\n');
  if (lines[lines.length - 1] === '') lines.pop();
  let inside = false;
  return lines.map((line) => {
    const kind = kindOf(line, inside);
    if (kind === 'hunk') inside = true;
    const signed = kind === 'add' || kind === 'del' || (kind === 'same' && line.startsWith(' '));
    return { kind, sign: kind === 'add' ? '+' : kind === 'del' ? '−' : '', parts: partsOf(signed ? line.slice(1) : line) };
  });
}

/** `---` and `+++` are heads only before the first hunk: a removed line `-- x` looks the same. */
function kindOf(line: string, inside: boolean): Kind {
  if (line.startsWith('@@')) return 'hunk';
  if (!inside && (line.startsWith('---') || line.startsWith('+++'))) return 'head';
  if (line.startsWith('+')) return 'add';
  if (line.startsWith('-')) return 'del';
  if (line.startsWith('\\')) return 'note';
  return 'same';
}

function partsOf(text: string): Line['parts'] {
  const parts: Line['parts'] = [];
  let last = 0;
  for (const match of text.matchAll(REDACTED)) {
    if (match.index > last) parts.push({ text: text.slice(last, match.index), redacted: false });
    parts.push({ text: match[0].slice(1, -1), redacted: true });
    last = match.index + match[0].length;
  }
  if (last < text.length) parts.push({ text: text.slice(last), redacted: false });
  return parts;
}

const REASONS: Record<string, string> = {
  binary: 'The file is no text.',
  'too-large': 'The file or the difference is larger than the policy allows.',
  denied: 'Files of this kind are never shown: keys, password files, and what only its owner may read.',
  quota: 'The room for earlier texts is full, so there was none to compare with.',
  deadline: 'Comparing took too long.',
  'no-previous': 'The text before the change was not kept yet.',
};

/** Why there is no diff, in words. */
export function reasonText(reason: string): string {
  return REASONS[reason] ?? `No difference of the text: ${reason}.`;
}
