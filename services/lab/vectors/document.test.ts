import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { parseDocument, readDocument } from "./document.ts";
import { Malformed } from "./field.ts";

/** Where and why reading ends. */
const refusal = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
  return "accepted";
};

describe("reading a document (RFC 8259, RFC 1952)", () => {
  it("takes JSON as it is, in gzip, and behind a byte order mark", () => {
    const text = Buffer.from('{"a":[1,{"b":"\\u00e4 \\"x\\""}]}');
    const value = { a: [1, { b: 'ä "x"' }] };
    expect([text, gzipSync(text), Buffer.concat([Buffer.from("efbbbf", "hex"), text])].map((bytes) => parseDocument(bytes).value)).toEqual([value, value, value]);
  });

  const broken: [string, string, string][] = [
    ["a word that is no value", '{\n  "a": tru }', "line 2 column 8"],
    ["a missing comma", '{"a": 1 "b": 2}', "line 1 column 9"],
    ["a comma before the end", "[1,\n2,\n]", "line 3 column 1"],
    ["a key without quotes", "{a: 1}", "line 1 column 2"],
    ["a missing colon", '{"a" 1}', "line 1 column 6"],
    ["a number that is none", "[0x10]", "line 1 column 2"],
    ["an escape that is none", '["ab\\q"]', "line 1 column 5"],
    ["a string that does not end", '["abc', "line 1 column 6"],
    ["a line break in a string", '["ab\n"]', "line 1 column 5"],
    ["an array that does not end", "[[1, 2]", "line 1 column 8"],
    ["the wrong bracket", '{"a": [1}', "line 1 column 9"],
    ["something behind the end", "{}\n{}", "line 2 column 1"],
    ["nothing", "", "line 1 column 1"],
  ];
  it.each(broken)("%s is named by line and column", (_what, text, place) => {
    expect(refusal(() => parseDocument(Buffer.from(text)))).toMatch(new RegExp(`^${place}: is no JSON`));
  });

  it("gzip that ends early, or is damaged, is named", () => {
    const packed = gzipSync(Buffer.from(JSON.stringify({ a: "x".repeat(1000) })));
    expect(refusal(() => parseDocument(packed.subarray(0, 20)))).toMatch(/^gzip: /);
    packed[packed.length - 6] ^= 1;
    expect(refusal(() => parseDocument(packed))).toMatch(/^gzip: /);
  });

  it("a file that is not there, and a folder, are named", () => {
    expect(refusal(() => readDocument("/nonexistent/x.json"))).toBe("file: cannot be read (ENOENT)");
    expect(refusal(() => readDocument("/"))).toBe("file: cannot be read (EISDIR)");
  });
});
