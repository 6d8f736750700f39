import { expect, it } from "vitest"
import * as z from "zod"
import { parseShape } from "#src/cli/refusal.ts"

const schema = z.strictObject({
  count: z.int().min(0).max(10),
  rate: z.number().gt(0),
  name: z.string().min(1),
  list: z.array(z.number()).min(1).optional(),
  memory: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("all") }),
    z.strictObject({ kind: z.literal("window"), seconds: z.number() }),
  ]),
})

it.each([
  [{ rate: 1, name: "a", memory: { kind: "all" } }, "count: is missing; it must be a number"],
  [{ count: "1", rate: 1, name: "a", memory: { kind: "all" } }, "count: must be a number, not text"],
  [{ count: 0.5, rate: 1, name: "a", memory: { kind: "all" } }, "count: must be a whole number, not a number"],
  [{ count: -1, rate: 1, name: "a", memory: { kind: "all" } }, "count: must be at least 0"],
  [{ count: 11, rate: 1, name: "a", memory: { kind: "all" } }, "count: must be at most 10"],
  [{ count: 1, rate: 0, name: "a", memory: { kind: "all" } }, "rate: must be above 0"],
  [{ count: 1, rate: 1, name: "", memory: { kind: "all" } }, "name: must have at least 1 characters"],
  [{ count: 1, rate: 1, name: "a", memory: { kind: "all" }, list: [] }, "list: must have at least 1 items"],
  [{ count: 1, rate: 1, name: "a", memory: { kind: "all" }, x: 1 }, '(all of it): there is no field "x"'],
  [{ count: 1, rate: 1, name: "a", memory: { kind: "al" } }, "memory.kind: must be one of 'all', 'window'"],
  [[], "(all of it): must be an object, not a list"],
])("says what is wrong with %j in plain words", (value, sentence) => {
  expect(() => parseShape(schema, value, "the example")).toThrow(`the example is wrong:\n  ${sentence}`)
})
