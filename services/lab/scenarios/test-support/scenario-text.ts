/** A scenario that is as short as can be, with some fields changed or (`""`) left out: one field a line, so that the line says which: id 1, title 2, source 3, workload 4, hypothesis 5, faults 6, expect 7, more from 8 on. */
export const text = (change: Record<string, string> = {}) =>
  Object.entries({
    id: "x",
    title: "t",
    source: "S31",
    workload: "{ operation: copy, file: { bytes: 4096 } }",
    hypothesis: "{ during: nothing is lost }",
    faults: '[{ where: "vmm->host page-response", do: drop }]',
    expect: "{ workload: succeeds }",
    ...change,
  })
    .filter(([, value]) => value !== "")
    .map(([field, value]) => `${field}: ${value}`)
    .join("\n");

/** With that one fault. */
export const fault = (fields: string) => text({ faults: `[{ ${fields} }]` });
