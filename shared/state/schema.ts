/** The JSON Schemas of live state: what an admin route answers, and what `faultline info` prints. */
export type Schema = { readonly [keyword: string]: unknown };

const described = (schema: Schema, description?: string): Schema => (description ? { ...schema, description } : schema);

/** Addresses, StreamIDs and every 64-bit value: "0x..", because JSON numbers lose bits above 2^53. */
export const hexString = (description?: string): Schema => described({ type: "string", pattern: "^0x[0-9a-f]+$" }, description);
export const integer = (description?: string): Schema => described({ type: "integer" }, description);
export const text = (description?: string): Schema => described({ type: "string" }, description);
export const flag = (description?: string): Schema => described({ type: "boolean" }, description);
/** The value, or null. */
export const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });
export const list = (items: Schema, description?: string): Schema => described({ type: "array", items }, description);
/** Exactly these members. */
export const record = (properties: Record<string, Schema>, description?: string): Schema =>
  described({ type: "object", properties, required: Object.keys(properties), additionalProperties: false }, description);
/** Members whose names are data: fields of a structure, counters. */
export const map = (values: Schema, description?: string): Schema => described({ type: "object", additionalProperties: values }, description);
