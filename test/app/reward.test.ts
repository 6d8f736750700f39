import { describe, expect, it } from "vitest"
import { createRig } from "./rig.ts"

it("counts a click once, whatever is retried", async () => {
  const rig = createRig()
  await rig.publish()
  const { token, choice } = await rig.predict()
  expect(await rig.post(token)).toMatchObject({ status: "applied", metric: "click", value: 1 })
  for (let i = 0; i < 5; i++) expect(await rig.post(token)).toMatchObject({ status: "duplicate" })
  expect(await rig.post(token, 0)).toMatchObject({ status: "duplicate" })
  expect(await rig.totals()).toEqual({ [choice.variant]: { decisions: 1, rewards: 1, sum: 1, sumSq: 1 } })
})

it("answers duplicate to the second of two in one batch, and to a thousand at once", async () => {
  const rig = createRig()
  await rig.publish()
  const { token, choice } = await rig.predict()
  const command = { decision: token, metric: undefined, value: undefined, eventId: undefined, experiment: undefined }
  const outcomes = (await Promise.all(Array.from({ length: 500 }, () => rig.reward([command, command])))).flat()
  expect(outcomes.filter((outcome) => "status" in outcome && outcome.status === "applied")).toHaveLength(1)
  expect(outcomes.filter((outcome) => "status" in outcome && outcome.status === "duplicate")).toHaveLength(999)
  expect((await rig.totals())[choice.variant]?.rewards).toBe(1)
})

describe("given value rewards of one decision", () => {
  const policy = { kind: "thompson-gaussian" }
  it.each([
    ["first", 2, 4],
    ["last", 3, 9],
    ["sum", 10, 100],
    ["max", 5, 25],
  ])("makes them one effect: %s", async (aggregation, sum, sumSq) => {
    const rig = createRig()
    await rig.publish({ policy, reward: { kind: "value", bounds: [0, 10], aggregation } })
    const { token, choice } = await rig.predict()
    for (const value of [2, 5, 3]) {
      await rig.post(token, value)
      expect(await rig.post(token, value)).toMatchObject({ status: "duplicate" })
    }
    expect(await rig.totals()).toEqual({ [choice.variant]: { decisions: 1, rewards: 1, sum, sumSq } })
  })

  it("tells equal values apart by their event ids", async () => {
    const rig = createRig()
    await rig.publish({ policy, reward: { kind: "value", bounds: [0, 10], aggregation: "sum" } })
    const { token, choice } = await rig.predict()
    for (const eventId of ["order-1", "order-2", "order-1"]) await rig.post(token, 4, eventId)
    expect((await rig.totals())[choice.variant]).toMatchObject({ rewards: 1, sum: 8, sumSq: 64 })
  })
})

it("logs a late reward, doesn't learn from it, and says how late", async () => {
  const rig = createRig()
  await rig.publish({ reward: { attributionWindowSeconds: 60 } })
  const { token, choice } = await rig.predict()
  rig.clock.advance(61)
  const outcome = await rig.post(token)
  expect(outcome).toMatchObject({ code: "reward_out_of_window", detail: expect.stringMatching(/60 s closed 1 s ago/) })
  expect((await rig.events()).at(-1)).toMatchObject({ type: "reward", status: "late" })
  expect((await rig.totals())[choice.variant]).toMatchObject({ decisions: 1, rewards: 0, sum: 0 })
  rig.clock.advance(60)
  expect(await rig.post(token)).toMatchObject({ code: "token_expired" })
})

it("credits the decision's own variant after the experiment was edited, by the decision's own window", async () => {
  const rig = createRig()
  await rig.publish({ reward: { attributionWindowSeconds: 600 } })
  const { token, choice } = await rig.predict()
  await rig.publish({ policy: { kind: "static" }, reward: { attributionWindowSeconds: 1 } })
  rig.clock.advance(300)
  expect(await rig.post(token)).toMatchObject({ status: "applied" })
  expect((await rig.events()).at(-1)).toMatchObject({ revision: 1, variant: choice.variant, status: "applied" })
})

it.each([
  [{ value: 2 }, "reward_out_of_range"],
  [{ value: -1 }, "reward_out_of_range"],
  [{ value: Number.POSITIVE_INFINITY }, "reward_out_of_range"],
  [{ metric: "purchase" }, "validation_failed"],
  [{ experiment: "other" }, "token_invalid"],
])("refuses %j and logs nothing of it", async (changes, code) => {
  const rig = createRig()
  await rig.publish()
  const { token } = await rig.predict()
  const before = (await rig.events()).length
  const command = { decision: token, metric: undefined, value: undefined, eventId: undefined, experiment: undefined }
  expect(await rig.reward([{ ...command, ...changes }])).toMatchObject([{ code }])
  expect(await rig.events()).toHaveLength(before)
})

it("answers each item of a batch on its own", async () => {
  const rig = createRig()
  await rig.publish()
  const { token } = await rig.predict()
  const command = { decision: token, metric: undefined, value: undefined, eventId: undefined, experiment: undefined }
  const outcomes = await rig.reward([{ ...command, decision: "forged" }, command, { ...command, value: 9 }])
  expect(outcomes).toMatchObject([{ code: "token_invalid" }, { status: "applied" }, { code: "reward_out_of_range" }])
})

it("says gone for the rewards of an experiment that was removed", async () => {
  const rig = createRig()
  await rig.publish()
  const { token, snapshot } = await rig.predict()
  await rig.publisher.remove(snapshot.experiment.id, "test")
  expect(await rig.post(token)).toMatchObject({ code: "experiment_gone" })
})
