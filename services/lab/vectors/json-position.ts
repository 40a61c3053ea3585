const space = /[ \t\n\r]*/y;
const escaped = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const atom = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|true\b|false\b|null\b/y;

/** Line and column (from 1) of the first place where `text` stops being JSON (RFC 8259), for a text that JSON.parse refused without saying where. */
export function errorPosition(text: string): { line: number; column: number } {
  const offset = errorOffset(text);
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

function errorOffset(text: string): number {
  let at = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  /** By hand: the base64 of an image is too long for a pattern that can backtrack. False: `at` is where it goes wrong. */
  const takeString = (): boolean => {
    if (text[at] !== '"') return false;
    for (at++; at < text.length; ) {
      const code = text.charCodeAt(at);
      if (code === 0x22) return ++at > 0;
      if (code < 0x20 || (code === 0x5c && !take(escaped))) return false;
      if (code !== 0x5c) at++;
    }
    return false;
  };
  /** The bracket that closes each open object or array. */
  const open: string[] = [];
  let expects: "value" | "first" | "key" | "after" = "value";
  for (;;) {
    take(space);
    const c = text[at];
    if (expects === "after") {
      if (open.length === 0 || (c !== "," && c !== open.at(-1))) return at;
      at++;
      if (c === ",") expects = open.at(-1) === "}" ? "key" : "value";
      else open.pop();
      continue;
    }
    const closes = expects === "first" && c === open.at(-1);
    if (closes) {
      at++;
      open.pop();
      expects = "after";
      continue;
    }
    if (expects === "key" || (expects === "first" && open.at(-1) === "}")) {
      if (!takeString()) return at;
      take(space);
      if (text[at] !== ":") return at;
      at++;
      expects = "value";
      continue;
    }
    if (c === "{" || c === "[") {
      open.push(c === "{" ? "}" : "]");
      at++;
      expects = "first";
      continue;
    }
    if (!takeString() && !take(atom)) return at;
    expects = "after";
  }
}
