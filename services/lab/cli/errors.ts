export type FailureKind = "input" | "violation" | "infrastructure";

export const EXIT = { ok: 0, violation: 1, input: 2, infrastructure: 3, interrupted: 130 } as const;

/** Ends a command: one line on stderr, or one JSON object, and the exit code of its kind (interfaces.md, section 11). */
export class Failure extends Error {
  readonly kind: FailureKind;
  readonly field: string | undefined;

  constructor(kind: FailureKind, message: string, field?: string) {
    super(message);
    this.kind = kind;
    this.field = field;
  }
}

export const inputError = (message: string, field?: string): Failure => new Failure("input", message, field);
export const infrastructureError = (message: string, field?: string): Failure => new Failure("infrastructure", message, field);
