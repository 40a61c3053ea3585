import { afterAll, beforeAll, describe } from "vitest";
import { buildImage, composeStack } from "../support/compose-stack.ts";
import { deathTests } from "../support/deaths.ts";
import { noEngine } from "../support/engine.ts";

describe.skipIf(noEngine !== null)(`chaos in containers${noEngine ? `: skipped, ${noEngine}` : ""}`, () => {
  const stack = composeStack("faultline-chaos");
  beforeAll(() => buildImage(), 300_000);
  afterAll(() => stack.down(), 60_000);
  deathTests(stack);
});
