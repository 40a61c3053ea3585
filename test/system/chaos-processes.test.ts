import { afterAll } from "vitest";
import { deathTests } from "../support/deaths.ts";
import { processStack } from "../support/process-stack.ts";

const stack = processStack(`chaos-${process.pid}`, new URL("../../services/lab/machines/default.yaml", import.meta.url).pathname);
afterAll(() => stack.down(), 30_000);
deathTests(stack);
