import { describe, expect, it } from "vitest";
import { type Read, readBy } from "./reading.ts";
import { type Line, written } from "./test-support/written-history.ts";

const message = (what: string, kind: string): Line => ["host", what, {}, { kind }];
const history = written(
  ["guest0", "guest.bind"],
  message("edge.deliver", "ioctl"),
  ["lab", "lab.heal"],
  message("edge.deliver", "pread"),
  message("edge.send", "ioctl"),
  ["guest0", "guest.bind"],
);
const read = (...readers: Read[][]) =>
  readBy(
    readers.map((reads) => ({ reads })),
    history,
  ).map((events) => events.map(({ n }) => n));

describe("what each reader is given of a history", () => {
  it("is what it reads, in the order of the history, each event once", () => {
    expect(read(["lab.heal", "guest.bind", "guest.bind"], ["guest.bind"], [], ["endpoint.flr"])).toEqual([[1, 3, 6], [1, 6], [], []]);
  });
  it("is, of the messages, those of the kind and the end that it names", () => {
    expect(read(["edge.deliver ioctl"], ["edge.deliver ioctl", "edge.deliver pread", "lab.heal"], ["edge.send ioctl"])).toEqual([[2], [2, 3, 4], [5]]);
  });
});
