/**
 * Makes hostile text harmless and visible. Whatever a browser would not draw, or would draw somewhere else (controls,
 * bidi overrides, zero-width and other default-ignorable characters, blanks that look like a space, lone surrogates)
 * becomes an escape that stands out from the text around it. The text itself is never changed: copying takes the value.
 */

export interface Piece {
  text: string;
  escape: boolean;
}

// Cc, Cf, line and paragraph separators, private use, unassigned and surrogates, blanks other than the space, and the
// letters that are drawn as nothing (Hangul fillers, Braille blank, combining grapheme joiner, variation selectors).
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const HIDDEN_ALL = new RegExp(HIDDEN.source, 'gu');

const SHORT: Record<string, string> = { '\0': '\\0', '\t': '\\t', '\n': '\\n', '\r': '\\r', '\u001b': '\\e' };

export function hasHidden(text: string): boolean {
  return HIDDEN.test(text);
}

export function escapeOf(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 1)}}`;
}

const hex = (code: number, width: number): string => code.toString(16).padStart(width, '0');

/** Plain and escaped pieces in order; neighbouring escapes are one piece. */
export function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  let last = 0;
  for (const match of text.matchAll(HIDDEN_ALL)) {
    push(out, text.slice(last, match.index), false);
    push(out, escapeOf(match[0]), true);
    last = match.index + match[0].length;
  }
  push(out, text.slice(last), false);
  return out;
}

function push(out: Piece[], text: string, escape: boolean): void {
  if (text === '') return;
  const last = out[out.length - 1];
  if (last && last.escape === escape) last.text += text;
  else out.push({ text, escape });
}

/** As one string with escapes: for titles and accessible names. */
export function visible(text: string): string {
  return text.replace(HIDDEN_ALL, escapeOf);
}

/** At most `limit` UTF-16 units without cutting a character in two. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const before = text.charCodeAt(limit - 1);
  return text.slice(0, before >= 0xd800 && before < 0xdc00 ? limit - 1 : limit);
}
