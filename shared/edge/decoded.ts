import type { PostedWrite } from "./envelope.ts";
import { type EdgeRecord, recordText } from "./records.ts";

const NO_TEXTS: readonly string[] = [];

/** The records of a message: of this body and these writes, no others. */
export class Decoded {
  readonly body: object;
  readonly writes: readonly PostedWrite[];
  readonly records: readonly EdgeRecord[];
  #texts: readonly string[] | null = null;

  constructor(body: object, writes: readonly PostedWrite[], records: readonly EdgeRecord[]) {
    this.body = body;
    this.writes = writes;
    this.records = records;
  }

  /** As the trace shows them: rules do not read them. */
  get texts(): readonly string[] {
    this.#texts ??= this.records.length > 0 ? this.records.map(recordText) : NO_TEXTS;
    return this.#texts;
  }
}
