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
  revision: 2,
}

it.each([decisionEvent(), rewardEvent({ status: "late" }), experiment])("reads back a whole $type", (event) => {
  expect(parseOutcomeLine(JSON.stringify(event))).toEqual(event)
})

it.each([
  ["an empty line", ""],
  ["half a line", JSON.stringify(decisionEvent()).slice(0, 80)],
  ["another version", JSON.stringify({ ...rewardEvent(), v: 2 })],
  ["an unknown type", JSON.stringify({ ...rewardEvent(), type: "refund" })],
  ["no object", "[1]"],
  ["a decision without a time", JSON.stringify({ ...decisionEvent(), at: "yesterday" })],
  ["a decision of no variant", JSON.stringify({ ...decisionEvent(), variant: "" })],
  ["a reward beyond the bounds", JSON.stringify({ ...rewardEvent(), value: 1e300 })],
  ["a reward without a number", JSON.stringify({ ...rewardEvent(), value: "1" })],
  ["a reward of unknown status", JSON.stringify({ ...rewardEvent(), status: "maybe" })],
  ["a reward of unknown aggregation", JSON.stringify({ ...rewardEvent(), aggregation: "mean" })],
])("takes %s for damage", (_, line) => {
  expect(parseOutcomeLine(line)).toBeUndefined()
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
