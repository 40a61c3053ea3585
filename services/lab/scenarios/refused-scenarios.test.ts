import { describe, expect, it } from "vitest";
import { parseScenario } from "./load-scenario.ts";
import { fault, text } from "./test-support/scenario-text.ts";

const RESPONSE = 'where: "vmm->host page-response"';
const PROGRAM = "processes: 1, pages: 1, jobs: 1, mix: { copy: 1 }";

/** What is wrong, the file, and the sentence behind "x.yaml:". */
const refused: Record<string, [what: string, yaml: string, message: RegExp | string][]> = {
  "the text itself": [
    ["is no YAML", "id: [x\ntitle: t", /^2:1: Flow sequence in block collection must be/],
    ["has a field twice", `${text()}\nid: y`, "8:1: Map keys must be unique"],
    ["is empty", "", "1:1: the file must hold the fields of a scenario: id, title, source, workload, hypothesis, faults, expect"],
    ["is a list", "[1, 2]", "1:1: the file must hold the fields of a scenario: id, title, source, workload, hypothesis, faults, expect"],
    ["is several documents", `${text()}\n---\nid: y`, "8:1: a second document begins here: a file holds one scenario"],
    [
      "grows without end by its aliases",
      `a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nid: [*c,*c,*c]`,
      /alias/,
    ],
  ],
  "what every scenario has": [
    ["no hypothesis", text({ hypothesis: "" }), "1:1: hypothesis is missing"],
    ["a hypothesis that is one sentence", text({ hypothesis: "h" }), "5:13: hypothesis must be object"],
    ["a hypothesis of spaces", text({ hypothesis: '{ during: "  " }' }), '5:23: hypothesis.during must be a sentence, got "  "'],
    ["a hypothesis that says nothing about the faults", text({ hypothesis: "{ after: h }" }), "5:13: hypothesis.during is missing"],
    ["an empty hypothesis", text({ hypothesis: '{ during: "" }' }), '5:23: hypothesis.during must be a sentence, got ""'],
    ["a phase that there is not", text({ hypothesis: "{ during: h, later: x }" }), "5:26: hypothesis.later is not a field of a scenario"],
    ["no id", text({ id: "" }), "1:1: id is missing"],
    ["an id that is no word", text({ id: "Drop It" }), '1:5: id must be words of lower-case letters and digits with - between, of at most 100 characters, got "Drop It"'],
    ["an id that is a number", text({ id: "7" }), "1:5: id must be words of lower-case letters and digits with - between, of at most 100 characters, got 7"],
    ["an id that no directory can have", text({ id: "x".repeat(101) }), /^1:5: id must be words .* of at most 100 characters/],
    ["no title", text({ title: "" }), "1:1: title is missing"],
    ["no source", text({ source: "" }), "1:1: source is missing"],
    ["no faults, not even none", text({ faults: "" }), "1:1: faults is missing"],
    ["no expectation", text({ expect: "" }), "1:1: expect is missing"],
    ["an unknown field", text({ faultz: "[]" }), "8:1: faultz is not a field of a scenario"],
    ["a seed beyond 32 bits", text({ seed: "4294967296" }), "8:7: seed must be <= 4294967295"],
    ["a seed that is none", text({ seed: "1.5" }), "8:7: seed must be integer"],
  ],
  "machine, abi and switches": [
    ["a machine that cannot be", text({ machine: "{ smmu: { ats: false } }" }), /^8:18: machine\.smmu\.pri needs smmu\.ats/],
    ["a field that machines do not have", text({ machine: "{ smmu: { walls: 4 } }" }), /^8:20: machine\.smmu\.walls is not a field of a machine file/],
    ["an ABI that there is not", text({ abi: "v2" }), "8:6: abi must be equal to one of the allowed values: review, rfc-v1"],
    ["a mutant that nobody has", text({ mutants: "[M-nobody]" }), "8:11: mutants.0 M-nobody is no defect or mutant"],
    ["a defect that nobody has", text({ defects: "[RR-04, RR-00]" }), "8:18: defects.1 RR-00 is no defect or mutant"],
    ["a defect twice", text({ defects: "[RR-04, RR-04]" }), /^8:1: defects must NOT have duplicate items/],
  ],
  workload: [
    ["a workload that is a word", text({ workload: "copy" }), "4:11: workload must be object"],
    [
      "an operation that there is not",
      text({ workload: "{ operation: move, file: { bytes: 1 } }" }),
      /^4:24: workload\.operation must be equal to one of the allowed values: copy/,
    ],
    ["an operation without a file", text({ workload: "{ operation: copy }" }), "4:11: workload.file is missing"],
    ["an empty file", text({ workload: "{ operation: copy, file: { bytes: 0 } }" }), "4:45: workload.file.bytes must be >= 1"],
    ["a file beyond 16 MiB", text({ workload: "{ operation: copy, file: { bytes: 16777217 } }" }), "4:45: workload.file.bytes must be <= 16777216"],
    ["a program and an operation at once", text({ workload: `{ ${PROGRAM}, file: { bytes: 1 } }` }), "4:64: workload.file is not a field of a scenario"],
    ["a program without its mix", text({ workload: "{ processes: 1, pages: 1, jobs: 1 }" }), "4:11: workload.mix is missing"],
    ["an empty mix", text({ workload: "{ processes: 1, pages: 1, jobs: 1, mix: {} }" }), /^4:46: workload\.mix must NOT have fewer than 1/],
    ["a mix of nothing", text({ workload: "{ processes: 1, pages: 1, jobs: 1, mix: { copy: 0 } }" }), "4:46: workload.mix gives every operation the weight 0"],
    [
      "an operation in the mix that there is not",
      text({ workload: "{ processes: 1, pages: 1, jobs: 1, mix: { move: 1 } }" }),
      /^4:53: workload\.mix\.move is not a field/,
    ],
    ["a share beyond 1", text({ workload: `{ ${PROGRAM}, exit: 2 }` }), "4:70: workload.exit must be a share from 0 to 1, got 2"],
    ["no process", text({ workload: "{ processes: 0, pages: 1, jobs: 1, mix: { copy: 1 } }" }), "4:24: workload.processes must be >= 1"],
    ["more queues than a function has", text({ workload: `{ ${PROGRAM}, queues: 9 }` }), "4:72: workload.queues must be <= 8"],
    [
      "more functions than the machine has",
      text({ workload: `{ ${PROGRAM}, endpoints: 2 }` }),
      "4:75: workload.endpoints is 2, a VM of the machine has 1 accelerators at most",
    ],
    ["a time-out that is no duration", text({ workload: `{ ${PROGRAM}, jobTimeout: 5 }` }), /^4:76: workload\.jobTimeout must be a duration like 5ms.*got 5$/],
    ["a group of more pages than a request has", text({ workload: `{ ${PROGRAM}, pagesPerGroup: 65 }` }), /^4:79: workload\.pagesPerGroup must be <= 64/],
  ],
  where: [
    ["an edge that does not exist", fault('where: "guest->host ioctl", do: drop'), /^6:19: faults\.0\.where guest->host is no direction: host->smmu/],
    ["a message of another edge", fault('where: "vmm->host mmioWrite", do: drop'), /^6:19: faults\.0\.where mmioWrite does not cross this edge/],
    ["a message of the other way", fault('where: "host->vmm ioctl", do: drop'), /^6:19: faults\.0\.where ioctl is no record and no message of host->vmm/],
    ["a direction alone", fault('where: "vmm->host", do: drop'), /^6:19: faults\.0\.where names a direction and one record or message kind/],
    ["a point that does not exist", fault('where: "point guest.nowhere", do: hold'), /^6:19: faults\.0\.where guest\.nowhere is no point/],
    ["hardware that there is not", fault('where: "smmu:gerror", do: abort'), /^6:19: faults\.0\.where smmu:gerror is no direction.*no hardware/],
    ["an endpoint that is no BDF", fault('where: "endpoint:1", do: stuck'), /^6:19: faults\.0\.where endpoint:1 is none of/],
    ["an endpoint that the machine has not", fault('where: "endpoint:00:09.0", do: stuck'), "6:19: faults.0.where endpoint:00:09.0: the machine has 00:01.0"],
    ["a part that the machine has not", fault("where: guest3, do: kill"), "6:19: faults.0.where guest3 is no part of the machine: smmu, host, vmm0, guest0"],
    ["nothing", fault("do: kill"), "6:10: faults.0.where is missing"],
    ["a number", fault("where: 5, do: kill"), "6:19: faults.0.where must be string"],
  ],
  when: [
    ["an unknown word", fault(`${RESPONSE}, when: { often: 1 }, do: drop`), "6:54: faults.0.when.often is not a field of a scenario"],
    ["a count that is none", fault(`${RESPONSE}, when: { nth: 0 }, do: drop`), "6:59: faults.0.when.nth must be >= 1"],
    ["a count beyond 32 bits", fault(`${RESPONSE}, when: { nth: 4294967296 }, do: drop`), "6:59: faults.0.when.nth must be <= 4294967295"],
    ["a share where the kernel has percent", fault(`${RESPONSE}, when: { probability: 0.5 }, do: drop`), "6:67: faults.0.when.probability must be integer"],
    ["more than all", fault(`${RESPONSE}, when: { probability: 101 }, do: drop`), "6:67: faults.0.when.probability must be <= 100"],
    ["an unknown field", fault(`${RESPONSE}, when: { condition: "m.colour == 3" }, do: drop`), "6:68: faults.0.when.condition m.colour == 3: No such key: colour"],
    [
      "a field of another record",
      fault(`${RESPONSE}, when: { condition: "m.pasid == 1 && m.PRGIndex == 3" }, do: drop`),
      /^6:84: faults\.0\.when\.condition .*No such key: PRGIndex/,
    ],
    [
      "a condition of two types",
      fault(`${RESPONSE}, when: { condition: "m.grpid == 'x'" }, do: drop`),
      /^6:66: faults\.0\.when\.condition .*no such overload: int == string/,
    ],
    ["a condition that is a number", fault(`${RESPONSE}, when: { condition: "m.grpid" }, do: drop`), "6:66: faults.0.when.condition m.grpid: is int, not bool"],
    ["a condition that does not parse", fault(`${RESPONSE}, when: { condition: "m.grpid == " }, do: drop`), /^6:77: faults\.0\.when\.condition .*Unexpected token/],
    [
      "a condition without quotes",
      text({ faults: "\n  - where: vmm->host page-response\n    when:\n      condition: m.grpidd == 1\n    do: drop" }),
      /^9:20: faults\.0\.when\.condition .*No such key: grpidd/,
    ],
    [
      "a condition over several lines",
      text({ faults: "\n  - where: vmm->host page-response\n    when:\n      condition: >\n        m.grpid == 1 &&\n        m.grpidd == 1\n    do: drop" }),
      /^9:18: faults\.0\.when\.condition /,
    ],
    [
      "a field that the point has not",
      fault('where: guest.iopf.before-handle, when: { condition: "m.sid == 8" }, do: hold'),
      /faults\.0\.when\.condition .*No such key: sid/,
    ],
    ["an event that does not exist", fault(`${RESPONSE}, when: { after: guest.sleeps }, do: drop`), "6:61: faults.0.when.after guest.sleeps is no kind of event"],
    ["a time that is none", fault(`${RESPONSE}, when: { at: soon }, do: drop`), /^6:58: faults\.0\.when\.at must be a duration like 5ms.*got "soon"/],
    ["a time beyond ten days", fault(`${RESPONSE}, when: { at: 1000000s }, do: drop`), /^6:58: faults\.0\.when\.at must be a duration/],
    [
      "a negative number of matches",
      fault(`${RESPONSE}, when: { after: -1 }, do: drop`),
      "6:61: faults.0.when.after must be a number of matches that pass, or a kind of event like guest.bind, got -1",
    ],
    [
      "a count of what happens by itself",
      fault('where: dram, when: { nth: 2 }, do: { action: flip, address: "0x40000000", bit: 1 }'),
      /^6:38: faults\.0\.when\.nth flip happens by itself/,
    ],
    ["a part that counts messages", fault("where: guest0, when: { every: 2 }, do: kill"), "6:42: faults.0.when.every is for rules; a part has at, after, nth"],
    ["a part after a number", fault("where: guest0, when: { after: 2 }, do: kill"), "6:42: faults.0.when.after of a part is the kind of an event"],
    ["a part at the nth of nothing", fault("where: guest0, when: { nth: 2 }, do: kill"), "6:40: faults.0.when.nth needs after: the kind of event that it counts"],
    ["two moments", fault("where: guest0, when: { at: 1s, after: guest.bind }, do: kill"), "6:39: faults.0.when.at cannot stand beside after"],
  ],
  do: [
    ["nothing to do", fault(RESPONSE), "6:10: faults.0.do is missing"],
    ["a number", fault(`${RESPONSE}, do: 5`), "6:50: faults.0.do must be an action, or an object with its action and members, got 5"],
    ["an action that there is not", fault(`${RESPONSE}, do: explode`), /^6:50: faults\.0\.do\.action explode is none of drop/],
    ["a message that is killed", fault(`${RESPONSE}, do: kill`), /^6:50: faults\.0\.do\.action kill is none of/],
    [
      "a part that is dropped",
      fault("where: guest0, do: drop"),
      "6:31: faults.0.do drop is nothing that can be done to a part: kill, pause, resume, restart, partition, join",
    ],
    ["an action that this piece of hardware has not", fault('where: "smmu:cmdq", do: drop'), /^6:36: faults\.0\.do\.action drop is none of stuck, abort/],
    ["a delay without its time", fault(`${RESPONSE}, do: delay`), "6:10: faults.0.for is missing: how long to delay"],
    ["a time for what takes none", fault(`${RESPONSE}, do: drop, for: 5ms`), "6:61: faults.0.for is nothing that drop has"],
    ["a hold until nothing that happens", fault(`${RESPONSE}, do: hold, until: no.such-event`), "6:63: faults.0.until no.such-event is no kind of event"],
    ["two ends", fault("where: guest0, do: pause, for: 1s, until: guest.bind"), "6:54: faults.0.until cannot stand beside for"],
    ["an end for a restart", fault("where: guest0, do: restart, for: 1s"), "6:45: faults.0.for restart is not taken back"],
    ["one way of what is no partition", fault("where: guest0, do: kill, ways: from"), "6:43: faults.0.ways is for partition"],
    ["a way that there is not", fault("where: guest0, do: partition, ways: up"), /^6:48: faults\.0\.ways must be equal to one of the allowed values: both, from, to/],
    [
      "a corrupt field that the record has not",
      fault(`${RESPONSE}, do: { action: corrupt, field: grp, value: 1 }`),
      /^6:76: faults\.0\.do\.field grp is no field of page-response: argsz/,
    ],
    [
      "a corrupt value too wide",
      fault('where: "smmu->host priq-record", do: { action: corrupt, field: PRGIndex, value: 512 }'),
      /^6:92: faults\.0\.do\.value must be a number of 9 bits, got 512/,
    ],
    [
      "a bit beyond its field",
      fault('where: "smmu->host priq-record", do: { action: corrupt, field: PRGIndex, bit: 9 }'),
      /^6:90: faults\.0\.do\.bit PRGIndex has 9 bits/,
    ],
    ["a corrupt of nothing", fault(`${RESPONSE}, do: { action: corrupt, field: grpid }`), /^6:50: faults\.0\.do\.value or do\.bit, one of the two/],
    ["an errno that there is not", fault('where: "vmm->host ioctl", do: { action: answer, errno: EWHAT }'), /^6:67: faults\.0\.do\.errno EWHAT is no errno/],
    ["a status for a system call", fault('where: "vmm->host ioctl", do: { action: answer, status: 1 }'), /^6:68: faults\.0\.do\.status answers no ioctl of vmm/],
    [
      "an answer to an interrupt",
      fault('where: "host->vmm signal", do: { action: answer, errno: EIO }'),
      /^6:53: faults\.0\.do\.action answer: nothing that host sends is answered/,
    ],
    ["an interrupt lost that is none", fault(`${RESPONSE}, do: lose-interrupt`), /^6:50: faults\.0\.do\.action lose-interrupt: vmm raises none/],
    ["a bit that no byte has", fault('where: dram, do: { action: flip, address: "0x40000000", bit: 8 }'), /^6:73: faults\.0\.do\.bit must be 0 to 7, got 8/],
    [
      "a bit that is not in DRAM",
      fault('where: dram, do: { action: flip, address: "0x1000", bit: 1 }'),
      "6:54: faults.0.do.address 0x1000 is not in DRAM: 0x40000000 to 0x42ffffff",
    ],
    ["the release of no rule", fault(`${RESPONSE}, do: { action: release, rule: nobody }`), "6:75: faults.0.do.rule nobody is no rule of these"],
    [
      "the release of what keeps nothing",
      text({ faults: `[{ id: a, ${RESPONSE}, do: drop }, { ${RESPONSE}, do: { action: release, rule: a } }]` }),
      /^6:130: faults\.1\.do\.rule a keeps nothing: hold, delay/,
    ],
    ["the same id twice", text({ faults: `[{ id: a, ${RESPONSE}, do: drop }, { id: a, ${RESPONSE}, do: drop }]` }), "6:71: faults.1.id a stands twice"],
    ["an unknown member", fault(`${RESPONSE}, do: drop, wen: {}`), "6:56: faults.0.wen is not a field of a scenario"],
  ],
  "heal and expectation": [
    ["an event that does not exist", text({ heal_at: "guest.sleeps" }), "8:10: heal_at guest.sleeps is no kind of event"],
    ["a moment that is none", text({ heal_at: "later" }), '8:10: heal_at must be workload-end, a duration like 5ms, or a kind of event like guest.bind, got "later"'],
    ["a bound that is none", text({ liveness_within: "5" }), /^8:18: liveness_within must be a duration like 5ms/],
    ["an end for a run that never heals", text({ expect: "{ workload: fails, after: succeeds }" }), /^7:35: expect\.after needs heal_at or liveness_within/],
    ["an end that there is not", text({ expect: "{ workload: explodes }" }), /^7:21: expect\.workload must be equal to one of the allowed values: succeeds, fails$/],
    ["no end", text({ expect: "{ error: x }" }), "7:9: expect.workload is missing"],
    [
      "a checker that there is not",
      text({ expect: "{ workload: fails, caught: [{ mutants: [S23], by: INV-11 }] }" }),
      /^7:59: expect\.caught\.0\.by INV-11 is no checker: INV-1, /,
    ],
    ["caught with nothing on", text({ expect: "{ workload: fails, caught: [{ by: INV-1 }] }" }), /^7:37: expect\.caught\.0 switches nothing on/],
    [
      "a mutant that nobody has",
      text({ expect: "{ workload: fails, caught: [{ mutants: [M-nobody], by: INV-1 }] }" }),
      "7:49: expect.caught.0.mutants.0 M-nobody is no defect or mutant",
    ],
  ],
};

describe("a scenario that cannot be is refused, naming file, line, column and field (issue 6, 1)", () => {
  for (const [field, cases] of Object.entries(refused)) {
    it.each(cases)(`${field}: %s`, (_what, yaml, message) => {
      let error: unknown;
      try {
        parseScenario(yaml, "x.yaml");
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ kind: "input" });
      const said = (error as Error).message;
      expect(said).toMatch(/^x\.yaml:\d+:\d+: /);
      if (typeof message === "string") expect(said).toBe(`x.yaml:${message}`);
      else expect(said.replace(/^x\.yaml:/, "")).toMatch(message);
    });
  }
});
