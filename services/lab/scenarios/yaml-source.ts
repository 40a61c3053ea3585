import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";

/** A YAML text whose fields know where they stand. */
export class YamlSource {
  readonly document: ReturnType<typeof parseDocument>;
  readonly #text: string;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    this.#text = text;
    this.document = parseDocument(text, { lineCounter: this.#lines, logLevel: "error" });
  }

  /** "6:12", from 1. */
  place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }

  /** Where a field's value begins, or `at` characters into its text, or where its name does ("key"); of a field that is not there, the innermost one around it. */
  placeOf(path: readonly (string | number)[], at?: number | "key"): string {
    for (let length = path.length; length >= 0; length--) {
      const node = this.document.getIn(path.slice(0, length), true);
      if (!isNode(node) || !node.range) continue;
      if (length < path.length) return this.place(node.range[0]);
      if (typeof at === "number" && isScalar(node)) return this.place(this.#inside(node.range[0], String(node.value), at));
      return this.place(isScalar(node) && at !== "key" ? node.range[0] : this.#keyOf(path, node.range[0]));
    }
    return "1:1";
  }

  /** A mapping or list is where its name is, if it has one. */
  #keyOf(path: readonly (string | number)[], value: number): number {
    const parent = path.length ? this.document.getIn(path.slice(0, -1), true) : undefined;
    const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(path.at(-1))) : undefined;
    return pair && isNode(pair.key) ? (pair.key.range?.[0] ?? value) : value;
  }

  /** A character of a scalar's text, which may stand behind a quote. Where escapes or folded lines are in the way, its start. */
  #inside(start: number, text: string, at: number): number {
    for (const quote of [0, 1]) if (this.#text.startsWith(text, start + quote)) return start + quote + at;
    return start;
  }
}
