import { describe, expect, it } from "vitest";
import { renderState } from "./render.ts";

describe("live state as text", () => {
  it("shows alike records as a table, with what is nested below each row", () => {
    expect(
      renderState([
        { sid: "0x8", depth: 3, fields: { V: 1, Config: 7 } },
        { sid: "0x108", depth: 12, fields: { V: 0, Config: 0 } },
      ]),
    ).toEqual(["sid    depth", "0x8    3", "    fields: V=1 Config=7", "0x108  12", "    fields: V=0 Config=0"]);
  });
  it("shows a record as its fields, null as - and an empty list as none", () => {
    expect(renderState({ prod: "0x1", error: null, entries: [] })).toEqual(["prod           0x1", "error          -", "entries        -"]);
    expect(renderState([])).toEqual(["none"]);
  });
});
