import { Ajv, type ErrorObject } from "ajv";
import { isNode, LineCounter, parseDocument } from "yaml";
import { contradiction } from "./contradictions.ts";
import { defaultMachine, type EndpointOptions, type Machine, type VmOptions } from "./machine.ts";
import schema from "./schema.json" with { type: "json" };
import { parseBdf, parseSize } from "./units.ts";

const validate = new Ajv({ allErrors: false, allowUnionTypes: true, verbose: true }).compile(schema);

/** A machine file that cannot be used: one line that names file, line and field. */
export class MachineFileError extends Error {
  readonly field: string;
  readonly path: FieldPath;
  /** The message without file, line and field. */
  readonly reason: string;

  constructor(place: string, path: FieldPath, reason: string) {
    super(`${place}: ${path.length ? `${fieldName(path)} ` : ""}${reason}`);
    this.field = fieldName(path);
    this.path = path;
    this.reason = reason;
  }
}

/** Fields of a machine file from its top: `["smmu", "pri"]`. */
export type FieldPath = readonly (string | number)[];
export const fieldName = (path: FieldPath): string => path.map((part, i) => (typeof part === "number" ? `[${part}]` : `${i ? "." : ""}${part}`)).join("") || "machine";

type Sections = Record<string, Record<string, unknown>> & {
  endpoints?: Record<string, unknown>[];
  vms?: Record<string, unknown>[];
  abi?: Machine["abi"];
  edgeCredits?: number;
};

/** A machine file's text. An unknown key, a value of the wrong kind or a contradiction is a `MachineFileError` that names field and line; `name` stands before the line. */
export function parseMachine(text: string, name: string): Machine {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length) {
    const [error] = document.errors;
    const reason = error.code === "MULTIPLE_DOCS" ? "a second document begins here: a file holds one machine" : error.message.split("\n")[0];
    throw new MachineFileError(`${name}:${error.linePos?.[0].line ?? 1}`, [], reason);
  }
  const lineOf = (path: FieldPath): number => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  const refuse = (path: FieldPath, message: string) => new MachineFileError(`${name}:${lineOf(path)}`, path, message);

  const file = contentOf(document, refuse);
  if (!validate(file)) {
    const [first] = validate.errors!;
    // Of several shapes, the choice itself says what may stand there.
    const error = validate.errors!.find(({ keyword, instancePath }) => keyword === "anyOf" && instancePath === first.instancePath) ?? first;
    const path = pathOf(error);
    throw refuse(path, messageOf(error));
  }
  const machine = completed(file);
  const found = contradiction(machine);
  if (found) throw refuse(found.path, found.message);
  return machine;
}

/** Aliases that multiply are refused by the library, by throwing. */
function contentOf(document: ReturnType<typeof parseDocument>, refuse: (path: FieldPath, message: string) => MachineFileError): Sections {
  try {
    return (document.toJS() ?? {}) as Sections;
  } catch (error) {
    throw refuse([], (error as Error).message);
  }
}

/** What the file leaves out is as in the default machine. */
function completed(file: Sections): Machine {
  const [endpointDefault] = defaultMachine.endpoints;
  const [vmDefault] = defaultMachine.vms;
  const endpoints = file.endpoints?.map((given) => ({ ...endpointDefault, ...given, bdf: parseBdf(given.bdf)! }) as EndpointOptions) ?? defaultMachine.endpoints;
  const vms = file.vms?.map((given, index): VmOptions => {
    const ram = parseSize(given.ram) ?? vmDefault.ram;
    const slots = (given.slots as { gpa: number; size: unknown }[] | undefined)?.map(({ gpa, size }) => ({ gpa, size: parseSize(size)! })) ?? [
      { gpa: vmDefault.slots[0].gpa, size: ram },
    ];
    const assigned = (given.endpoints as string[] | undefined)?.map((bdf) => parseBdf(bdf)!) ?? (index === 0 ? endpoints.map(({ bdf }) => bdf) : []);
    return { ...vmDefault, ...given, ram, slots, endpoints: assigned } as VmOptions;
  });
  const { size, ...dram } = file.dram ?? {};
  return {
    dram: { ...defaultMachine.dram, ...dram, size: parseSize(size) ?? defaultMachine.dram.size },
    smmu: { ...defaultMachine.smmu, ...file.smmu, caches: { ...defaultMachine.smmu.caches, ...(file.smmu?.caches as object | undefined) } },
    endpoints,
    vms: vms ?? [{ ...vmDefault, endpoints: endpoints.map(({ bdf }) => bdf) }],
    abi: file.abi ?? defaultMachine.abi,
    edgeCredits: file.edgeCredits ?? defaultMachine.edgeCredits,
  };
}

function pathOf(error: ErrorObject): FieldPath {
  const path = error.instancePath
    .split("/")
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  if (error.keyword === "additionalProperties") path.push(error.params.additionalProperty);
  if (error.keyword === "required") path.push(error.params.missingProperty);
  return path;
}

function messageOf(error: ErrorObject): string {
  if (error.keyword === "additionalProperties") return "is not a field of a machine file";
  if (error.keyword === "type" && error.instancePath === "") return `holds the sections of a machine: ${Object.keys(schema.properties).join(", ")}`;
  if (error.keyword === "required") return "is missing";
  if (error.keyword === "enum") return `must be one of ${error.params.allowedValues.join(", ")}`;
  const { title } = error.parentSchema as { title?: string };
  return title && error.keyword === "anyOf" ? `must be ${title}` : (error.message ?? "is not valid");
}
