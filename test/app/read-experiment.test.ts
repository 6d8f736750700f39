import { describe, expect, it } from "vitest"
import { explainChoice } from "#src/app/read-experiment.ts"
import { createRig } from "./rig.ts"

async function explained(changes: Record<string, unknown>, unitId = "user-42") {
  const rig = createRig()
  await rig.publish(changes)
  rig.model("a").knownFeatures = new Set(["hour", "device_ip"])
  const served = rig.experiments.get("e")
  if (served === undefined) throw new Error("not served")
  return explainChoice(served, unitId)
}

describe("an explanation", () => {
  it("says what the propensity means under each stickiness", async () => {
    expect(await explained({})).toMatchObject({
      reason: "policy",
      propensity: 0.5,
      explanation: expect.stringMatching(/for a unit seen for the first time.*one row per unit/),
    })
    expect(await explained({ stickiness: "request" })).toMatchObject({
      explanation: expect.stringMatching(/^Every request is drawn anew.*given everything before it/),
    })
  })

  it("says which features each variant's model reads, and null where it can't tell", async () => {
    expect((await explained({})).variants).toMatchObject([
      { id: "a", knownFeatures: ["device_ip", "hour"] },
      { id: "b", knownFeatures: null },
    ])
  })

  it("says that the holdout goes by the unit, also where every request is drawn anew", async () => {
    for (const stickiness of ["unit", "request"]) {
      expect(await explained({ stickiness, holdout: 1 })).toMatchObject({
        reason: "holdout",
        variant: "a",
        learn: false,
        explanation: expect.stringMatching(/^The unit is in the holdout, whatever the stickiness/),
      })
    }
  })
})
