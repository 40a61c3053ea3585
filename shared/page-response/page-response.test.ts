import { describe, expect, it } from "vitest";
import { codeOfPrgCode, prgCodeOfPriResp, priRespOfCode } from "./page-response.ts";

describe("the three numberings of a page response", () => {
  it.each([
    ["success", 0, 0b10, 0b0000],
    ["invalid request", 1, 0b01, 0b0001],
    ["failure", 2, 0b00, 0b1111],
  ])("%s", (_name, code, resp, prg) => {
    expect(priRespOfCode(code)).toBe(resp);
    expect(prgCodeOfPriResp(resp)).toBe(prg);
    expect(codeOfPrgCode(prg)).toBe(code);
  });

  it("refuses a code that no numbering has", () => {
    expect(priRespOfCode(3)).toBe(-22);
    expect(prgCodeOfPriResp(3)).toBeNull();
    expect(codeOfPrgCode(0b0101)).toBe(2);
  });
});
