/** Rows in columns that are as wide as their widest cell, two spaces apart; nothing trails. Pure. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? "").length)),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The first twelve digits of a commit id, or a dash. Pure. */
export function shortId(id: string | undefined): string {
  return id === undefined ? "-" : id.slice(0, 12);
}
