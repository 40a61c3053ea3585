/** A rule that cannot be armed: its id and the field that is wrong ("when.nth"). */
export class RuleError extends Error {
  readonly rule: string;
  readonly field: string;
  readonly reason: string;
  /** Where in the field's text it is wrong, from 0: conditions. */
  readonly at: number | undefined;

  constructor(rule: string, field: string, reason: string, at?: number) {
    super(`rule ${rule}: ${field} ${reason}`);
    this.rule = rule;
    this.field = field;
    this.reason = reason;
    this.at = at;
  }
}
