export type Bar = { label: string; value: number; note: string };

/** The rows of the main comparison as bars; rows of the grid that follow have a label already taken. */
export function barsOf(rows: readonly Record<string, string | number | boolean>[]): Bar[] {
  const bars = new Map<string, Bar>();
  for (const row of rows) {
    const label = String(row.case);
    if (bars.has(label) || typeof row.ofBare !== 'number') continue;
    bars.set(label, {
      label,
      value: row.ofBare,
      note: `${row.ofBare.toFixed(2)} of bare · ${Number(row.requestsPerSecond).toLocaleString('en')}/s`,
    });
  }
  return [...bars.values()];
}

/** A bar chart as SVG, in the reader's light or dark setting, with no script and no font of its own. */
export function drawBars(bars: readonly Bar[], title: string): string {
  const [left, width, row] = [290, 300, 34];
  const longest = Math.max(1, ...bars.map(({ value }) => value));
  const height = 56 + bars.length * row;
  const lines = bars.map(({ label, value, note }, index) => {
    const y = 48 + index * row;
    const length = Math.max(2, Math.round((width * value) / longest));
    const ours = label.startsWith('ours') ? ' class="ours"' : '';
    return `  <text x="${left - 12}" y="${y + 16}" text-anchor="end">${escapeXml(label)}</text>
  <rect${ours} x="${left}" y="${y}" width="${length}" height="22" rx="3"/>
  <text class="note" x="${left + length + 8}" y="${y + 16}">${escapeXml(note)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 ${height}" role="img" aria-label="${escapeXml(title)}">
  <style>
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 15px; }
    .note { fill: #59636e; }
    rect { fill: #8c959f; }
    .ours { fill: #2f7d4f; }
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .note { fill: #9198a1; } rect { fill: #656c76; } .ours { fill: #3fa66a; } }
  </style>
  <text class="title" x="12" y="26">${escapeXml(title)}</text>
${lines.join('\n')}
</svg>
`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
