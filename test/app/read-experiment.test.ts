import { describe, expect, it } from "vitest"
import { explainChoice, readStatistics } from "#src/app/read-experiment.ts"
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

describe("statistics", () => {
  it("are of one moment, and say from which counters the allocation was made", async () => {
    const rig = createRig()
    await rig.publish()
    const read = async () => {
      await rig.recorder.flush()
      const served = rig.experiments.get("e")
      if (served === undefined) throw new Error("not served")
      return await readStatistics(served.snapshot, rig.counters, rig.clock)
    }
    await rig.post((await rig.predict()).token)
    rig.clock.advance(5)
    const before = await read()
    expect(before.asOf).toBe("2026-11-21T12:00:05.000Z")
    expect(before.allocationStateVersion).toBe(0)
    expect(before.stateVersion).toBeGreaterThan(0)
    await rig.reallocator.reallocate("e")
    const after = await read()
    expect(after.allocationStateVersion).toBe(after.stateVersion)
  })

  it("give the rate of the same decisions as the probability of being best: the matured ones", async () => {
    const rig = createRig()
    await rig.publish({ reward: { attributionWindowSeconds: 60, maturation: "window" }, policy: { kind: "static" } })
    const read = async () => {
      await rig.recorder.flush()
      const served = rig.experiments.get("e")
      if (served === undefined) throw new Error("not served")
      return (await readStatistics(served.snapshot, rig.counters, rig.clock)).variants
    }
    for (let i = 0; i < 100; i++) {
      const { choice, token } = await rig.predict({ unitId: `u${i}` })
      if (choice.variant === "b" && i % 2 === 0) await rig.post(token)
    }
    for (const { rate, probabilityBest, matured, decisions } of await read()) {
      expect([rate, matured]).toEqual([0, 0])
      expect(probabilityBest).toBeCloseTo(0.5, 9)
      expect(decisions).toBeGreaterThan(30)
    }
    rig.clock.advance(61)
    const [a, b] = await read()
    expect(a?.rate).toBe(0)
    expect(b?.rate).toBe((b?.sum ?? 0) / (b?.matured ?? 0))
    expect(b?.probabilityBest).toBeGreaterThan(0.99)
  })
})
