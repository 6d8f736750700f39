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

describe("statistics of everything that is counted", () => {
  async function read(rig: ReturnType<typeof createRig>) {
    await rig.recorder.flush()
    const served = rig.experiments.get("e")
    if (served === undefined) throw new Error("not served")
    return await readStatistics(served.snapshot, rig.counters, rig.clock)
  }

  it("keep the holdout in a row of its own, with its rewards", async () => {
    const rig = createRig()
    await rig.publish({ holdout: 1 })
    for (let i = 0; i < 3; i++) await rig.post((await rig.predict({ unitId: `u${i}` })).token)
    const statistics = await read(rig)
    expect(statistics.holdout).toEqual([{ id: "a", decisions: 3, rewards: 3, sum: 3, sumSq: 3, rate: 1 }])
    expect(statistics.variants).toMatchObject([
      { id: "a", decisions: 0, units: 0, rewards: 0 },
      { id: "b", decisions: 0 },
    ])
  })

  it("count units, not their visits", async () => {
    const rig = createRig()
    await rig.publish({ policy: { kind: "static" } })
    for (let visit = 0; visit < 4; visit++) {
      for (let unit = 0; unit < 20; unit++) await rig.predict({ unitId: `user-${unit}` })
    }
    const { variants } = await read(rig)
    expect(variants.reduce((sum, { decisions }) => sum + decisions, 0)).toBe(80)
    // A sketch of 20 units has room to spare: it is exact or one off.
    expect(variants.reduce((sum, { units }) => sum + units, 0)).toBeGreaterThanOrEqual(19)
    expect(variants.reduce((sum, { units }) => sum + units, 0)).toBeLessThanOrEqual(21)
  })

  it("have every metric that is counted beside the one that is learned from", async () => {
    const rig = createRig()
    const revenue = { id: "revenue", kind: "value", bounds: [0, 500], aggregation: "sum" }
    await rig.publish({ metrics: [revenue], policy: { kind: "static" } })
    const { token, choice } = await rig.predict({ unitId: "u" })
    await rig.reward([{ ...POSTBACK, decision: token, metric: "revenue", value: 12.5 }])
    const { metrics, variants } = await read(rig)
    expect(metrics).toMatchObject([{ id: "revenue" }])
    const own = metrics[0]?.variants.find(({ id }) => id === choice.variant)
    expect(own).toEqual({ id: choice.variant, rewards: 1, sum: 12.5, sumSq: 156.25, rate: 12.5 })
    expect(variants.find(({ id }) => id === choice.variant)).toMatchObject({ rewards: 0, sum: 0 })
  })

  it("say how many drawn decisions are left out of learning", async () => {
    const rig = createRig()
    await rig.publish({ reward: { failures: "exclude" }, policy: { kind: "static" } })
    rig.model("a").behaviour = { kind: "fail", error: new Error("down") }
    rig.model("b").behaviour = { kind: "fail", error: new Error("down") }
    for (let i = 0; i < 5; i++) await rig.predict({ unitId: `u${i}` })
    const { variants } = await read(rig)
    expect(variants.reduce((sum, { excluded }) => sum + excluded, 0)).toBe(5)
    expect(variants.map(({ decisions }) => decisions)).toEqual([0, 0])
  })
})

const POSTBACK = { metric: undefined, value: undefined, eventId: undefined, experiment: undefined, instance: undefined }
