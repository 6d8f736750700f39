import * as fc from "fast-check"
import { expect, it } from "vitest"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"

const experiment = {
  v: 1,
  type: "experiment",
  eventId: "x",
  at: "2026-11-20T12:00:00.000Z",
  experiment: "e",
  lineage: { series: { a: 1 }, epoch: 1, metrics: {} },
  revision: 2,
  actor: "Ann",
  source: "api",
  diff: [],
  models: {},
  document: null,
}

it.each([decisionEvent(), rewardEvent({ status: "late" }), experiment])("reads back a whole $type", (event) => {
  expect(parseOutcomeLine(JSON.stringify(event))).toEqual(event)
})

it("reads what only some decisions have", () => {
  const event = decisionEvent({ seriesByVariant: { challenger: 2 }, error: "timeout", stickiness: "request" })
  expect(parseOutcomeLine(JSON.stringify(event))).toEqual(event)
})

it.each([
  ["an empty line", ""],
  ["half a line", JSON.stringify(decisionEvent()).slice(0, 80)],
  ["another version", JSON.stringify({ ...rewardEvent(), v: 2 })],
  ["an unknown type", JSON.stringify({ ...rewardEvent(), type: "refund" })],
  ["no object", "[1]"],
])("takes %s for damage", (_, line) => {
  expect(parseOutcomeLine(line)).toBeUndefined()
})

/** What decisions and rewards have in common, and no counter can be kept with. */
const DAMAGE: readonly (readonly [string, object])[] = [
  ["no variant", { variant: "" }],
  ["no metric", { metric: undefined }],
  ["a series of zero", { series: 0 }],
  ["half a series", { series: 1.5 }],
  ["no epoch", { epoch: undefined }],
  ["a group of text", { group: "7" }],
  ["a group below 0", { group: -1 }],
  ["a group of 64", { group: 64 }],
  ["no stickiness", { stickiness: "sometimes" }],
  ["a propensity of zero, by which nothing can be weighed", { propensity: 0 }],
  ["a propensity that rounds to no billionth", { propensity: 4e-10 }],
  ["a propensity above one", { propensity: 1.5 }],
  ["no word on learning", { learn: "yes" }],
  ["a time before 1970", { at: "1969-12-31T23:59:59.000Z" }],
  ["no time", { at: "yesterday" }],
]

it.each([
  ...DAMAGE,
  ["no unit", { unit: "" }],
  ["an unknown reason", { reason: "why not" }],
  ["an allocation that is no record", { allocation: [0.5, 0.5] }],
  ["an allocation of more than everything", { allocation: { champion: 2 } }],
  ["series of no number", { seriesByVariant: { champion: "1" } }],
  ["an error that is no text", { error: 500 }],
] as const)("takes a decision with %s for damage", (_, damage) => {
  expect(parseOutcomeLine(JSON.stringify({ ...decisionEvent(), ...damage }))).toBeUndefined()
})

it.each([
  ...DAMAGE,
  ["no event id", { eventId: "" }],
  ["no decision", { decisionId: undefined }],
  ["no time of its decision", { decidedAt: "noon" }],
  ["no end", { expiresAt: null }],
  ["no number", { value: "1" }],
  ["a value beyond its bound", { value: 1.01 }],
  ["a value below its bound", { value: -1.01 }],
  ["no bound", { bound: undefined }],
  ["a bound of zero", { bound: 0, value: 0 }],
  ["a bound beyond the largest", { bound: 1e300, value: 1e300 }],
  ["an unknown status", { status: "maybe" }],
  ["an unknown aggregation", { aggregation: "mean" }],
  ["no word on the holdout", { holdout: undefined }],
] as const)("takes a reward with %s for damage", (_, damage) => {
  expect(parseOutcomeLine(JSON.stringify({ ...rewardEvent(), ...damage }))).toBeUndefined()
})

it("throws at no text whatever", () => {
  const anyLine = fc.oneof(
    fc.string(),
    fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
  )
  fc.assert(
    fc.property(anyLine, (line) => {
      expect(parseOutcomeLine(line)).toBeUndefined()
    }),
  )
})
