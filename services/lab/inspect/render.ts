type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

const isRecord = (value: Value): value is { readonly [name: string]: Value } => typeof value === "object" && value !== null && !Array.isArray(value);
const isScalar = (value: Value): boolean => typeof value !== "object" || value === null;
const NAME_WIDTH = 14;
/** Fields of a structure stay on one line: name=value. */
const flat = (value: Value): boolean => isScalar(value) || (Array.isArray(value) && value.every(isScalar)) || (isRecord(value) && Object.values(value).every(isScalar));

function inline(value: Value): string {
  if (value === null) return "-";
  if (Array.isArray(value)) return value.length ? value.map((item) => inline(item as Value)).join(" ") : "-";
  if (isRecord(value)) {
    return Object.entries(value)
      .map(([name, field]) => `${name}=${inline(field)}`)
      .join(" ");
  }
  return String(value);
}

/** Live state as text: a list of alike records is a table, a record is its fields, one a line. */
export function renderState(value: unknown, indent = ""): string[] {
  return render(value as Value, indent);
}

function render(value: Value, indent: string): string[] {
  if (isScalar(value)) return [`${indent}${inline(value)}`];
  if (Array.isArray(value)) return renderList(value, indent);
  const entries = Object.entries(value as { [name: string]: Value });
  const width = Math.max(NAME_WIDTH, ...entries.map(([name, field]) => (flat(field) ? name.length : 0)));
  return entries.flatMap(([name, field]) => (flat(field) ? [`${indent}${name.padEnd(width)} ${inline(field)}`] : [`${indent}${name}:`, ...render(field, `${indent}  `)]));
}

function renderList(items: readonly Value[], indent: string): string[] {
  if (items.length === 0) return [`${indent}none`];
  const records = items.filter(isRecord);
  if (records.length < items.length) return items.flatMap((item) => render(item, indent));
  const columns = Object.keys(records[0]).filter((name) => records.every((record) => isScalar(record[name])));
  const rest = Object.keys(records[0]).filter((name) => !columns.includes(name));
  const cells = [columns, ...records.map((record) => columns.map((name) => inline(record[name])))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const line = (row: string[]) => `${indent}${row.map((cell, i) => cell.padEnd(widths[i])).join("  ")}`.trimEnd();
  return [
    line(cells[0]),
    ...records.flatMap((record, i) => [
      line(cells[i + 1]),
      ...rest.flatMap((name) =>
        flat(record[name]) ? [`${indent}    ${name}: ${inline(record[name])}`] : [`${indent}    ${name}:`, ...render(record[name], `${indent}      `)],
      ),
    ]),
  ];
}
