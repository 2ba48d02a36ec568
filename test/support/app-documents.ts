import { readFileSync } from 'node:fs';

export type Block = { language: string; text: string; file: string; line: number };

/** Every fenced block of a page. */
export function blocksOf(file: string): Block[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? '',
    text: match[2] ?? '',
    file,
    line: text.slice(0, match.index).split('\n').length,
  }));
}

/** The cells of the table below a heading, row by row. */
export function tableBelow(file: string, heading: string): string[][] {
  const text = readFileSync(file, 'utf8').split(`\n## ${heading}\n`)[1] ?? '';
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rows: string[][] = [];
  for (const line of lines.slice(first + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}

/** What stands between backticks. */
export const codeIn = (cell = ''): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
