import { expect, it } from "vitest"
import { GatewayError } from "#src/domain/errors.ts"
import { readRewardJson } from "#src/http/contract/reward-body.ts"

function errorsOf(item: unknown) {
  const [read] = readRewardJson(item).items
  if (!(read instanceof GatewayError)) throw new Error("was not refused")
  return { code: read.code, errors: read.errors }
}

it("names a misspelt member and what was meant, and repeats no other name", () => {
  expect(errorsOf({ decision: "t", event_id: "1", zqjxkvwp: 1, valeu: 2 })).toEqual({
    code: "validation_failed",
    errors: [
      { pointer: "/event_id", detail: "is not a member; did you mean eventId?" },
      { pointer: "/valeu", detail: "is not a member; did you mean value?" },
      { pointer: "", detail: "has a field besides decision, metric, value, eventId, instance, experiment" },
    ],
  })
})

it.each([-1, 256, 1.5, "1", null])("refuses the instance %j and says what an instance is", (instance) => {
  expect(errorsOf({ decision: "t", instance })).toEqual({
    code: "validation_failed",
    errors: [
      {
        pointer: "/instance",
        detail: "must be an index into the decision's instances: a whole number from 0 to 255",
      },
    ],
  })
})

it.each([0, 255])("takes the instance %i", (instance) => {
  expect(readRewardJson({ decision: "t", instance }).items).toMatchObject([{ instance }])
})
