import { describe, expect, it } from "vitest";
import { compileCondition } from "./condition.ts";

const fields = { pasid: "int", grpid: "int", name: "string", last: "bool" } as const;

describe("a condition says which fields it reads, so that nothing else is decoded for it", () => {
  it.each([
    ["m.grpid == 5", ["grpid"]],
    ["m . pasid > 1 && bit(m.grpid, 0)", ["pasid", "grpid"]],
    ['m.name == "m.last"', ["name", "last"]],
    ['m["pasid"] == 5', ["pasid", "grpid", "name", "last"]],
    ["m.last", ["last"]],
  ])("%s", (text, reads) => {
    expect(compileCondition(text, fields).reads).toEqual(reads);
  });
  it("and holds or not by those alone", () => {
    const condition = compileCondition("m.grpid == 511 && !m.last", fields);
    expect([condition({ grpid: 511, last: false }), condition({ grpid: 511, last: true }), condition({ last: false })]).toEqual([true, false, false]);
  });
});
