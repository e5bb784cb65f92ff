/**
 * What each loss means and what to do, from the table of docs/losses.md: one text for readers of the documentation and of
 * the page.
 */
import text from '../../../../docs/losses.md?raw';

export interface Meaning {
  stages: string[];
  reasons: string[];
  what: string;
  todo: string;
}

/** Rows of the table with the columns stage, reason, what happened, unit, what to do. */
export function meaningsIn(markdown: string): Meaning[] {
  const meanings: Meaning[] = [];
  for (const line of markdown.split('\n')) {
    const cells = line.split('|').slice(1, -1).map((cell) => cell.trim());
    const [stages, reasons, what, , todo] = cells;
    if (cells.length !== 5 || !reasons?.startsWith('`')) continue;
    meanings.push({
      stages: (stages ?? '').split(',').map((stage) => stage.trim()),
      reasons: [...reasons.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
      what: sentence(what ?? ''),
      todo: todo === 'as above' ? (meanings[meanings.length - 1]?.todo ?? '') : sentence(todo ?? ''),
    });
  }
  return meanings;
}

function sentence(words: string): string {
  const plain = words.replaceAll('`', '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  return plain === '' ? '' : `${plain[0]!.toUpperCase()}${plain.slice(1)}${/[.!?]$/.test(plain) ? '' : '.'}`;
}

const MEANINGS = meaningsIn(text);

/** The same reason may mean something else at another stage. */
export function meaningOf(stage: string, reason: string, meanings: Meaning[] = MEANINGS): Meaning | undefined {
  const same = meanings.filter((meaning) => meaning.reasons.includes(reason));
  return same.find((meaning) => meaning.stages.includes(stage)) ?? same[0];
}
