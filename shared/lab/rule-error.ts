/** A rule that cannot be armed: its id and the field that is wrong ("when.nth"). */
export class RuleError extends Error {
  readonly rule: string;
  readonly field: string;

  constructor(rule: string, field: string, reason: string) {
    super(`rule ${rule}: ${field} ${reason}`);
    this.rule = rule;
    this.field = field;
  }
}
