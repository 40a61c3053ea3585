import type { StateRefusal } from "../state/structure.ts";

/** An error of an admin route: application/problem+json (RFC 9457), with the field that is wrong. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  field?: string;
}

export const problemSchema = {
  type: "object",
  properties: { type: { type: "string" }, title: { type: "string" }, status: { type: "integer" }, detail: { type: "string" }, field: { type: "string" } },
  required: ["type", "title", "status", "detail"],
  additionalProperties: false,
} as const;

const titles = { "not-found": "Not Found", "bad-parameter": "Bad Request" } as const;
const statuses = { "not-found": 404, "bad-parameter": 400 } as const;

export const problemOf = ({ refused, field, reason }: StateRefusal): Problem => ({
  type: "about:blank",
  title: titles[refused],
  status: statuses[refused],
  detail: reason,
  field,
});
export const problem = (status: number, title: string, detail: string): Problem => ({ type: "about:blank", title, status, detail });
