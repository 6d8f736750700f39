import { describe, expect, it } from "vitest"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import type { RewardCommand } from "#src/app/reward.ts"
import type { RewardEvent } from "#src/domain/events.ts"
import { parseExperiment } from "#src/domain/experiment.ts"
import { createRig } from "./rig.ts"

const DOCUMENT = {
  id: "e",
  variants: [{ id: "a", backend: { kind: "embedded", model: "a" } }],
  control: "a",
  policy: { kind: "static" },
}

function commandFor(decision: string, changes: Partial<RewardCommand> = {}): RewardCommand {
  return {
    decision,
    metric: undefined,
    value: undefined,
    eventId: undefined,
    instance: undefined,
    experiment: undefined,
    ...changes,
  }
}

async function rewards(rig: ReturnType<typeof createRig>): Promise<RewardEvent[]> {
  return (await rig.events()).flatMap((event) => (event.type === "reward" ? [event] : []))
}

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
  const command = commandFor(token)
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
      rig.clock.advance(1)
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
  [{ value: 0.5 }, "reward_out_of_range"],
  [{ metric: "purchase" }, "validation_failed"],
  [{ experiment: "other" }, "token_invalid"],
])("refuses %j and logs nothing of it", async (changes, code) => {
  const rig = createRig()
  await rig.publish()
  const { token } = await rig.predict()
  const before = (await rig.events()).length
  const command = commandFor(token)
  expect(await rig.reward([{ ...command, ...changes }])).toMatchObject([{ code }])
  expect(await rig.events()).toHaveLength(before)
})

it("answers each item of a batch on its own", async () => {
  const rig = createRig()
  await rig.publish()
  const { token } = await rig.predict()
  const command = commandFor(token)
  const outcomes = await rig.reward([{ ...command, decision: "forged" }, command, { ...command, value: 9 }])
  expect(outcomes).toMatchObject([{ code: "token_invalid" }, { status: "applied" }, { code: "reward_out_of_range" }])
})

it("asks to try again where a true token is of an experiment or a revision that this gateway doesn't know yet", async () => {
  const store = createMemoryExperimentStore()
  const [ahead, behind] = [createRig({ store }), createRig({ store })]
  await ahead.publish()
  const { token } = await ahead.predict()
  expect(await behind.post(token)).toMatchObject({ code: "revision_not_served" })
  await behind.publisher.load()
  await behind.publish()
  expect(await behind.post(token)).toMatchObject({ status: "applied" })
  await ahead.publish({ holdout: 0.1 })
  const { token: later } = await ahead.predict()
  expect(await behind.post(later)).toMatchObject({ code: "revision_not_served" })
  expect((await behind.events()).filter(({ type }) => type === "reward")).toHaveLength(1)
})

it("takes the reward of a decision that was made before anything could be stored, and after the first revision was", async () => {
  const rig = createRig()
  const parsed = parseExperiment({ ...DOCUMENT, reward: { metric: "click" } })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  await rig.publisher.serve(parsed.experiment)
  const { token, snapshot } = await rig.predict()
  expect(snapshot.revision).toBe(0)
  expect(await rig.post(token)).toMatchObject({ status: "applied" })

  const started = createRig()
  await started.publish()
  expect(started.experiments.get("e")?.snapshot.revision).toBe(1)
  expect(await started.post(token)).toMatchObject({ status: "applied" })
})

it("says gone for the rewards of an experiment that was removed, and takes them when it is back", async () => {
  const rig = createRig()
  await rig.publish()
  const { token, snapshot } = await rig.predict()
  await rig.publisher.remove(snapshot.experiment.id, { actor: "test", source: "api" })
  expect(await rig.post(token)).toMatchObject({ code: "experiment_gone" })
  await rig.publish({ reward: { kind: "value", bounds: [0, 5] }, policy: { kind: "static" } })
  expect(await rig.post(token)).toMatchObject({ status: "applied" })
  expect((await rewards(rig)).at(-1)).toMatchObject({ revision: 1, bound: 1 })
})

it("logs a reward that needs no document to be folded", async () => {
  const rig = createRig()
  await rig.publish({ holdout: 1 })
  const { token, choice } = await rig.predict({ unitId: "u", instances: 3 })
  const [decision] = await rig.events().then((events) => events.filter((event) => event.type === "decision"))
  expect(await rig.reward([commandFor(token, { instance: 2 })])).toMatchObject([{ status: "applied" }])
  expect(await rewards(rig)).toEqual([
    {
      v: 1,
      type: "reward",
      eventId: `r-${decision?.decisionId}-click`,
      at: "2026-11-21T12:00:00.000Z",
      experiment: "e",
      revision: 1,
      series: 1,
      epoch: 1,
      decisionId: decision?.decisionId,
      group: decision?.group,
      variant: choice.variant,
      propensity: 1,
      decidedAt: "2026-11-21T12:00:00.000Z",
      stickiness: "unit",
      metric: "click",
      value: 1,
      bound: 1,
      instance: 2,
      aggregation: "first",
      learn: false,
      holdout: true,
      expiresAt: "2026-11-21T14:00:00.000Z",
      status: "applied",
    },
  ])
})

it("gives a zero an event id of its own, so that the click after it isn't taken for its repetition", async () => {
  const rig = createRig()
  await rig.publish()
  const { token } = await rig.predict()
  for (const value of [0, 1]) await rig.reward([commandFor(token, { value })])
  const ids = (await rig.events()).flatMap((event) => (event.type === "reward" ? [event.eventId] : []))
  expect(ids.map((id) => id.replace(/^r-[^-]+/, "r"))).toEqual(["r-click-v0", "r-click"])
})

describe("given several metrics", () => {
  const metrics = [
    { id: "revenue", kind: "value", bounds: [-20, 500], aggregation: "sum", attributionWindowSeconds: 600 },
    { id: "signup", attributionWindowSeconds: 60 },
  ]
  const reward = { attributionWindowSeconds: 60 }

  it("takes a reward for the one that it names, and for the primary where it names none", async () => {
    const rig = createRig()
    await rig.publish({ metrics, reward })
    const { token, choice } = await rig.predict()
    for (const changes of [{}, { metric: "revenue", value: 12.5 }, { metric: "signup" }, { metric: "click" }]) {
      await rig.reward([commandFor(token, changes)])
    }
    expect(await rewards(rig)).toMatchObject([
      { metric: "click", value: 1, bound: 1, aggregation: "first" },
      { metric: "revenue", value: 12.5, bound: 500, aggregation: "sum" },
      { metric: "signup", value: 1, bound: 1, aggregation: "first" },
    ])
    expect(await rig.totals("revenue")).toMatchObject({ [choice.variant]: { rewards: 1, sum: 12.5 } })
    expect((await rig.totals("click"))[choice.variant]).toMatchObject({ decisions: 1, rewards: 1, sum: 1 })
  })

  it("holds each to its own kind and bounds, and names those there are", async () => {
    const rig = createRig()
    await rig.publish({ metrics, reward })
    const { token } = await rig.predict()
    const outcomes = await rig.reward([
      commandFor(token, { metric: "revenue", value: 501 }),
      commandFor(token, { metric: "signup", value: 0.5 }),
      commandFor(token, { metric: "revenues" }),
      commandFor(token, { metric: "revenue", value: -20 }),
    ])
    expect(outcomes).toMatchObject([
      { code: "reward_out_of_range", errors: [{ pointer: "/value", detail: "must be a number from -20 to 500" }] },
      {
        code: "reward_out_of_range",
        errors: [{ pointer: "/value", detail: expect.stringMatching(/^must be exactly 0 or 1/) }],
      },
      {
        code: "validation_failed",
        errors: [{ pointer: "/metric", detail: expect.stringContaining('"click", "revenue", "signup"') }],
      },
      { status: "applied" },
    ])
  })

  it("closes each metric's own window; the token lives for two of the longest", async () => {
    const rig = createRig()
    await rig.publish({ metrics, reward })
    const { token } = await rig.predict()
    rig.clock.advance(61)
    expect(await rig.post(token)).toMatchObject({ code: "reward_out_of_window" })
    const revenue = commandFor(token, { metric: "revenue", value: 3 })
    expect(await rig.reward([revenue])).toMatchObject([{ status: "applied" }])
    rig.clock.advance(1200 - 61)
    expect(await rig.reward([{ ...revenue, value: 4 }])).toMatchObject([{ code: "reward_out_of_window" }])
    rig.clock.advance(1)
    expect(await rig.reward([{ ...revenue, value: 5 }])).toMatchObject([{ code: "token_expired" }])
  })
})

describe("given an experiment that was edited after the decision", () => {
  it("takes kind, bounds, aggregation and metrics from the decision's own revision", async () => {
    const rig = createRig()
    const metrics = [{ id: "revenue", kind: "value", bounds: [0, 500], aggregation: "sum" }]
    await rig.publish({ metrics })
    const { token } = await rig.predict()
    await rig.publish({ reward: { metric: "order", kind: "value", bounds: [0, 5] }, policy: { kind: "static" } })
    expect(await rig.reward([commandFor(token, { metric: "revenue", value: 400 }), commandFor(token)])).toMatchObject([
      { status: "applied", metric: "revenue" },
      { status: "applied", metric: "click" },
    ])
    expect(await rig.reward([commandFor(token, { metric: "order" })])).toMatchObject([{ code: "validation_failed" }])
    expect(await rewards(rig)).toMatchObject([
      { revision: 1, bound: 500, aggregation: "sum" },
      { revision: 1, metric: "click", bound: 1 },
    ])
  })

  it("asks to try again where this gateway doesn't serve the decision's revision, or its experiment, yet", async () => {
    const [ahead, behind] = [createRig(), createRig()]
    await behind.publish()
    await ahead.publish()
    await ahead.publish({ description: "edited" })
    const { token } = await ahead.predict()
    expect(await behind.post(token)).toMatchObject({ code: "revision_not_served" })
    expect(await createRig().post(token)).toMatchObject({ code: "revision_not_served" })
    await behind.publish({ description: "edited" })
    expect(await behind.post(token)).toMatchObject({ status: "applied" })
  })
})

it("never takes a caller's event id for one that was made from a value", async () => {
  const rig = createRig()
  await rig.publish({
    policy: { kind: "thompson-gaussian" },
    reward: { kind: "value", bounds: [0, 10], aggregation: "sum" },
  })
  const { token, choice } = await rig.predict()
  for (const eventId of ["v1", "1", "ev1", undefined]) {
    expect(await rig.post(token, 1, eventId)).toMatchObject({ status: "applied" })
    expect(await rig.post(token, 1, eventId)).toMatchObject({ status: "duplicate" })
  }
  expect((await rig.totals())[choice.variant]).toMatchObject({ rewards: 1, sum: 4 })
})
