import { describe, expect, it } from "vitest"
import type { Answer } from "#src/app/ask-model.ts"
import { readCalls } from "#src/app/read-calls.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { DecisionEvent } from "#src/domain/events.ts"
import type { Context } from "#src/domain/plan.ts"
import { createSnapshot } from "#src/domain/snapshot.ts"
import { createRig } from "./rig.ts"

function scoresOf(answer: Answer): readonly number[] {
  return answer.answered && answer.result.kind === "scores" ? answer.result.scores : []
}

async function decisions(rig: ReturnType<typeof createRig>): Promise<DecisionEvent[]> {
  return (await rig.events()).flatMap((event) => (event.type === "decision" ? [event] : []))
}

it("logs the decision that it answers, with the allocation it was drawn from and without the unit's id", async () => {
  const rig = createRig()
  await rig.publish({ logFeatures: ["hour"] })
  const { choice, decisionId, answer } = await rig.predict({ unitId: "user-42" })
  const [event] = await decisions(rig)
  expect(event).toMatchObject({
    v: 1,
    type: "decision",
    eventId: `d-${decisionId}`,
    at: "2026-11-21T12:00:00.000Z",
    experiment: "e",
    revision: 1,
    decisionId,
    group: expect.any(Number),
    stickiness: "unit",
    variant: choice.variant,
    propensity: choice.propensity,
    allocation: { a: expect.closeTo(0.5, 9), b: expect.closeTo(0.5, 9) },
    reason: "policy",
    learn: true,
    features: { hour: "14102100" },
    prediction: scoresOf(answer)[0],
    servedBy: choice.variant,
    error: null,
  })
  expect(JSON.stringify(event)).not.toMatch(/user-42|secret/)
})

it("answers a slate in one decision, one prediction an instance", async () => {
  const rig = createRig()
  await rig.publish()
  const { answer } = await rig.predict({ instances: 5 })
  expect(scoresOf(answer)).toHaveLength(5)
  const events = await decisions(rig)
  expect(events).toHaveLength(1)
  expect(events[0]?.prediction).toHaveLength(5)
})

it("keeps a unit's variant, and draws anew for every request where the document says so", async () => {
  const rig = createRig()
  await rig.publish()
  const variantsOf = async () =>
    new Set(
      await Promise.all(Array.from({ length: 50 }, async () => (await rig.predict({ unitId: "u" })).choice.variant)),
    )
  expect((await variantsOf()).size).toBe(1)
  await rig.publish({ stickiness: "request" })
  expect((await variantsOf()).size).toBe(2)
})

it("logs the context that a contextual policy decided on, with the allocation it gave, and none otherwise", async () => {
  const rig = createRig()
  await rig.publish()
  const context = { segment: "mobile" }
  await rig.predict({ context })
  const served = rig.experiments.get("e")
  if (served === undefined) throw new Error("not served")
  const policy = { allocate: (given: Context) => (given["segment"] === "mobile" ? [0.25, 0.75] : [1, 0]) }
  const plan = { kind: "contextual", policy, state: undefined, params: undefined, reason: "policy" } as const
  rig.experiments.publish({ ...served, snapshot: createSnapshot({ ...served.snapshot, plan }) })
  await rig.predict({ context })
  await rig.predict()
  const [fixed, given, absent] = await decisions(rig)
  expect(fixed).not.toHaveProperty("context")
  expect(given).toMatchObject({ context, allocation: { a: 0.25, b: 0.75 } })
  expect(given?.propensity).toBe(given?.allocation[given.variant])
  expect(absent).toMatchObject({ context: {}, allocation: { a: 1, b: 0 }, variant: "a", propensity: 1 })
  expect(await rig.post((await rig.predict({ context })).token)).toMatchObject({ status: "applied" })
})

it("answers what the document says when no variant can, as degraded", async () => {
  const rig = createRig()
  await rig.publish({ staticAnswer: { prediction: 0.05, body: "[0.05]" } })
  for (const name of ["a", "b"]) rig.model(name).behaviour = { kind: "fail", error: new Error("connection refused") }
  const { answer, degraded } = await rig.predict({ instances: 2 })
  expect(answer).toMatchObject({
    result: { kind: "scores", scores: [0.05, 0.05] },
    servedIndex: 2,
    error: "backend_failed",
  })
  expect(degraded).toBe(true)
  const payload = { bytes: new Uint8Array([1]), contentType: undefined, headers: {}, protocol: "seldon-v1" } as const
  const opaque = await rig.predict({ payload, takesOpaque: true })
  const body = { bytes: new TextEncoder().encode("[0.05]"), contentType: "application/json", headers: {} }
  expect(opaque.answer).toMatchObject({ result: { kind: "body", body }, error: "not_taken" })
  const [first, second] = (await rig.events()).filter(({ type }) => type === "decision")
  expect([first, second]).toMatchObject([
    { servedBy: "_static", model: "_static", prediction: [0.05, 0.05], error: "backend_failed" },
    { servedBy: "_static", model: "_static", prediction: null, error: "not_taken" },
  ])
})

it("logs the decision of a body that it doesn't read: what answered, whatever it answered", async () => {
  const rig = createRig()
  await rig.publish({ logFeatures: ["hour"] })
  const payload = { bytes: new TextEncoder().encode("1,2"), contentType: "text/csv", headers: {} }
  const answers = [
    { kind: "scores", scores: [0.25, 0.75] },
    { kind: "scores", scores: [0.5] },
    { kind: "body", body: payload },
    { kind: "accepted", location: "s3://answers/1" },
  ] as const
  for (const answer of answers) {
    for (const name of ["a", "b"]) rig.model(name).behaviour = { kind: "answer", answer }
    expect(
      (await rig.predict({ payload: { ...payload, protocol: "sagemaker" }, takesOpaque: true })).answer,
    ).toMatchObject({ answered: true, result: answer })
  }
  const logged = await decisions(rig)
  expect(logged.map(({ prediction }) => prediction)).toEqual([[0.25, 0.75], 0.5, null, null])
  for (const { features, servedBy, variant, error } of logged) {
    expect([features, servedBy, error]).toEqual([null, variant, null])
  }
})

it("writes series and epoch into the line and the token, every variant's series where they differ", async () => {
  const rig = createRig()
  await rig.publish()
  const served = rig.experiments.get("e")
  if (served === undefined) throw new Error("not served")
  const republish = (series: Readonly<Record<string, number>>) => {
    const parts = { ...served.snapshot, plan: { allocation: [0, 1], reasons: ["policy", "policy"] as const } }
    rig.experiments.publish({ ...served, snapshot: createSnapshot({ ...parts, lineage: { series, epoch: 4 } }) })
  }
  republish({ a: 1, b: 3, gone: 7 })
  const { token } = await rig.predict()
  republish({ a: 3, b: 3 })
  await rig.predict()
  const [differing, equal] = await decisions(rig)
  expect(differing).toMatchObject({ variant: "b", series: 3, seriesByVariant: { a: 1, b: 3 }, epoch: 4 })
  expect(equal).toMatchObject({ series: 3, epoch: 4 })
  expect(equal).not.toHaveProperty("seriesByVariant")
  await rig.post(token)
  expect((await rig.events()).at(-1)).toMatchObject({ type: "reward", series: 3, group: differing?.group })
})

describe("given a chosen variant that does not answer", () => {
  it.each([
    ["fails", { kind: "fail", error: new Error("connection refused") }, "backend_failed"],
    ["hangs", { kind: "hang" }, "deadline_exceeded"],
    ["is too slow", { kind: "delay", delayMs: 5_000, score: () => 1 }, "deadline_exceeded"],
    ["answers NaN", { kind: "score", score: () => Number.NaN }, "wrong_shape"],
  ] as const)(
    "answers by the fallback when it %s, as the same decision, learned from unless failures are excluded",
    async (_, behaviour, error) => {
      const rig = createRig()
      const policy = { kind: "canary", challenger: "b", share: 0.9 }
      await rig.publish({ policy, reward: { failures: "exclude" } })
      rig.model("b").behaviour = behaviour
      const unitId = await unitOf(rig, "b")
      const prediction = await rig.predict({ unitId, deadlineMs: 25 })
      expect(prediction).toMatchObject({ degraded: true, answer: { result: { kind: "scores", scores: [0.1] }, error } })
      const event = (await decisions(rig)).at(-1)
      expect(event).toMatchObject({
        variant: "b",
        propensity: 0.9,
        reason: "policy",
        learn: false,
        servedBy: "a",
        error,
      })
      const before = await rig.totals()
      expect(await rig.post(prediction.token)).toMatchObject({ status: "applied" })
      expect(await rig.totals()).toEqual(before)

      await rig.publish({ policy })
      const counted = await rig.predict({ unitId, deadlineMs: 25 })
      expect((await decisions(rig)).at(-1)).toMatchObject({
        variant: "b",
        reason: "policy",
        learn: true,
        servedBy: "a",
      })
      expect(await rig.post(counted.token)).toMatchObject({ status: "applied" })
      const { decisions: drawn = 0, rewards = 0 } = before["b"] ?? {}
      expect((await rig.totals())["b"]).toMatchObject({ decisions: drawn + 1, rewards: rewards + 1 })
    },
  )

  it("is unavailable when the fallback fails too, without a word of the backend's", async () => {
    const rig = createRig()
    await rig.publish()
    for (const name of ["a", "b"])
      rig.model(name).behaviour = { kind: "fail", error: new Error("secret upstream text") }
    const { answer, degraded, choice } = await rig.predict()
    if (answer.answered) throw new Error("it was answered")
    expect([degraded, answer.failure.code]).toEqual([false, "backend_failed"])
    expect(answer.failure.message).not.toMatch(/secret/)
    expect(await decisions(rig)).toMatchObject([
      {
        variant: choice.variant,
        propensity: 0.5,
        reason: "policy",
        learn: true,
        prediction: null,
        model: null,
        servedBy: null,
        error: "backend_failed",
      },
    ])
    expect(await rig.totals()).toMatchObject({ [choice.variant]: { decisions: 1 } })
  })

  it("asks no other model about features that can't be scored", async () => {
    const rig = createRig()
    await rig.publish()
    const invalid = new GatewayError("features_invalid", { errors: [{ pointer: "/features/hour", detail: "…" }] })
    for (const name of ["a", "b"]) rig.model(name).behaviour = { kind: "fail", error: invalid }
    expect((await rig.predict()).answer).toMatchObject({
      answered: false,
      error: "features_invalid",
      failure: invalid,
      asked: [{ error: "features_invalid" }],
    })
    expect(rig.model("a").calls + rig.model("b").calls).toBe(1)
    expect(await decisions(rig)).toMatchObject([{ error: "features_invalid", servedBy: null, learn: true }])
  })
})

it("logs who was asked at which target, with what status and for how long, and counts calls to the chosen variant", async () => {
  const rig = createRig()
  await rig.publish({ policy: { kind: "static" } })
  for (const name of ["a", "b"]) {
    rig.model(name).target = `at-${name}`
    rig.model(name).behaviour = { kind: "answer", answer: { kind: "scores", scores: [0.1], status: 200 } }
  }
  for (let i = 0; i < 20; i++) await rig.predict({ unitId: `u${i}` })
  const refusal = new GatewayError("backend_failed", { backendStatus: 503 })
  rig.model("b").behaviour = { kind: "fail", error: refusal }
  for (let i = 0; i < 20; i++) await rig.predict({ unitId: `u${i}` })
  const logged = await decisions(rig)
  const answering = { variant: "a", target: "at-a", status: 200, ms: 0 }
  const refusing = { variant: "b", target: "at-b", status: 503, error: "backend_failed", ms: 0 }
  for (const { variant, asked } of logged.slice(20)) {
    expect(asked).toEqual(variant === "a" ? [answering] : [refusing, answering])
  }
  await rig.recorder.flush()
  const read = await readCalls("e", { a: 1, b: 1 }, rig.counters, rig.clock.now())
  const drawn = (variant: string) => logged.filter((event) => event.variant === variant).length
  expect(drawn("b")).toBeGreaterThan(0)
  expect(read("a")).toMatchObject({ answered: drawn("a"), failed: 0, failures: {} })
  const half = drawn("b") / 2
  expect(read("b")).toMatchObject({ answered: half, failed: half, failures: { status_5xx: half } })
  expect(read("b").lastHour.at(-1)).toMatchObject({ from: "2026-11-21T12:00:00.000Z", answered: half, failed: half })
  expect(read("b").lastHour).toHaveLength(1)
})

it("forces a variant, logs it as forced and learns nothing from it", async () => {
  const rig = createRig()
  await rig.publish()
  const { choice, token } = await rig.predict({ variant: "b" })
  expect(choice).toMatchObject({ variant: "b", reason: "forced", propensity: 1 })
  await rig.post(token)
  expect(await rig.totals()).toEqual({})
})

it("refuses to force a variant that isn't there or is disabled, naming those that can be", async () => {
  const rig = createRig()
  const [a, b] = ["a", "b"].map((id) => ({ id, backend: { kind: "embedded", model: id } }))
  await rig.publish({ variants: [a, { ...b, enabled: false }] })
  await expect(rig.predict({ variant: "b" })).rejects.toMatchObject({
    code: "validation_failed",
    errors: [{ pointer: "/variant", detail: expect.stringMatching(/enabled variants: a$/) }],
  })
})

it("serves the weights until burn-in is over, then the policy", async () => {
  const rig = createRig()
  await rig.publish({ policy: { kind: "epsilon-greedy", epsilon: 0.4, burnInDecisions: 10 } })
  for (let i = 0; i < 60; i++) {
    expect((await rig.predict({ unitId: `u${i}` })).choice).toMatchObject({
      reason: "burn_in",
      propensity: 0.5,
      learn: true,
    })
  }
  await rig.recorder.flush()
  await rig.reallocator.reallocate("e")
  const { choice } = await rig.predict({ unitId: "u" })
  // Nobody clicked: the means are equal, and share what isn't explored.
  expect(choice).toMatchObject({ reason: "policy", propensity: 0.5 })
})

it("says burn_in of a newcomer's decisions alone, beside a variant that the policy decides about", async () => {
  const rig = createRig()
  const policy = { kind: "thompson", burnInDecisions: 10, newcomerShare: 0.1 }
  const variants = (enabled: boolean) => [
    { id: "a", backend: { kind: "embedded", model: "a" } },
    { id: "b", enabled, backend: { kind: "embedded", model: "b" } },
  ]
  await rig.publish({ policy, variants: variants(false) })
  for (let i = 0; i < 20; i++) await rig.predict({ unitId: `u${i}` })
  await rig.recorder.flush()
  await rig.publish({ policy, variants: variants(true) })
  const choices = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => (await rig.predict({ unitId: `later-${i}` })).choice),
  )
  const said = new Set(choices.map(({ variant, reason, propensity }) => `${variant} ${reason} ${propensity}`))
  expect(said).toEqual(new Set(["a policy 0.9", "b burn_in 0.1"]))
})

/** A unit that the allocation gives that variant. */
async function unitOf(rig: ReturnType<typeof createRig>, variant: string): Promise<string> {
  rig.model("b").calls = 0
  for (let i = 0; i < 1000; i++) {
    const { choice } = await rig.predict({ unitId: `unit-${i}`, deadlineMs: 5 })
    if (choice.variant === variant) return `unit-${i}`
  }
  throw new Error(`no unit gets ${variant}`)
}
