import { expect, it } from "vitest"
import { type EndpointBehaviour, MemoryModelEndpoint } from "#src/adapters/memory/model-endpoint.ts"
import { askModel, type Question } from "#src/app/ask-model.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { VariantId } from "#src/domain/ids.ts"
import { modelCall } from "#test/model-call.ts"
import { realClock } from "#test/real-clock.ts"

const FAILS: EndpointBehaviour = { kind: "fail", error: new Error("connection refused") }
const BODY = { bytes: new TextEncoder().encode("0.25,0.75"), contentType: "text/csv", headers: {} }

function scores(score: number): EndpointBehaviour {
  return { kind: "score", score: () => score }
}

/** One endpoint per behaviour, asked in their order. */
function questionOf(behaviours: readonly EndpointBehaviour[], changes: Partial<Question> & { remote?: boolean } = {}) {
  const { remote = true, ...rest } = changes
  const endpoints = behaviours.map((behaviour, i) => new MemoryModelEndpoint({ model: `m${i}`, remote, behaviour }))
  const question: Question = {
    call: modelCall({ instances: [{ a: "1" }, { a: "2" }], variant: "m0" as VariantId }),
    variants: endpoints.map(({ model }) => ({ id: model as VariantId })),
    endpoints,
    ladder: endpoints.map((_, i) => i),
    takesOpaque: false,
    deadlineAtMs: realClock.monotonicMs() + 5_000,
    ...rest,
  }
  return { question, endpoints }
}

it("climbs down the ladder until a variant answers, and keeps why the chosen one did not", async () => {
  const { question, endpoints } = questionOf([
    { kind: "answer", answer: { kind: "scores", scores: [1] } },
    FAILS,
    scores(0.3),
  ])
  expect(await askModel(question, realClock)).toMatchObject({
    answered: true,
    result: { kind: "scores", scores: [0.3, 0.3] },
    servedIndex: 2,
    error: "wrong_shape",
  })
  expect(endpoints.map(({ calls }) => calls)).toEqual([1, 1, 1])
})

it("tells who was asked, in order, and how long each took", async () => {
  const refusal = new GatewayError("backend_failed", { backendStatus: 429 })
  for (const remote of [true, false]) {
    const { question } = questionOf([{ kind: "fail", error: refusal }, FAILS, scores(0.3)], { remote })
    const { asked } = await askModel(question, realClock)
    expect(asked).toEqual([
      { variant: "m0", status: 429, error: "backend_failed", ms: expect.any(Number) },
      { variant: "m1", error: "backend_failed", ms: expect.any(Number) },
      { variant: "m2", ms: expect.any(Number) },
    ])
  }
  const { question } = questionOf([{ kind: "delay", delayMs: 30, score: () => 1 }])
  const { asked } = await askModel(question, realClock)
  expect(asked[0]?.ms).toBeGreaterThanOrEqual(29)
  expect(asked[0]?.ms).toBe(Number(asked[0]?.ms.toFixed(3)))
})

it("leaves the later rungs a part of the time, so that a hanging first still gets an answer", async () => {
  const { question } = questionOf([{ kind: "hang" }, scores(0.3)], { deadlineAtMs: realClock.monotonicMs() + 1_000 })
  expect(await askModel(question, realClock)).toMatchObject({ servedIndex: 1, error: "deadline_exceeded" })
})

it("tells why the chosen variant failed and what became of the last, when nobody answers", async () => {
  const { question } = questionOf([{ kind: "hang" }, FAILS], { deadlineAtMs: realClock.monotonicMs() + 50 })
  expect(await askModel(question, realClock)).toMatchObject({
    answered: false,
    error: "deadline_exceeded",
    failure: { code: "backend_failed" },
  })
})

it("asks nobody with what it can't take, and says so of the chosen variant", async () => {
  const call = modelCall({ payload: { ...BODY, protocol: "seldon-v1" }, variant: "m0" as VariantId })
  const { question, endpoints } = questionOf([scores(0.1), { kind: "answer", answer: { kind: "body", body: BODY } }], {
    call,
    takesOpaque: true,
    remote: false,
  })
  const [first, second] = endpoints as [MemoryModelEndpoint, MemoryModelEndpoint]
  expect(await askModel(question, realClock)).toMatchObject({ answered: false, error: "not_taken" })
  second.takes = { features: false, bodies: ["seldon-v1"] }
  expect(await askModel(question, realClock)).toMatchObject({ servedIndex: 1, error: "not_taken" })
  expect([first.calls, second.calls]).toEqual([0, 1])
})

it("asks with instances where the body is of another protocol, and with the body where there are no instances", async () => {
  const payload = { ...BODY, protocol: "seldon-v1" } as const
  const { question, endpoints } = questionOf([scores(0.1)], { call: modelCall({ instances: [{ a: 1 }], payload }) })
  expect(await askModel(question, realClock)).toMatchObject({ servedIndex: 0, error: null })
  expect(endpoints[0]?.lastCall?.payload).toBe(payload)
})

it("gives a rung no more than its endpoint's own limit, and tells it", async () => {
  const { question, endpoints } = questionOf([{ kind: "hang" }, scores(0.3)])
  const [first] = endpoints as [MemoryModelEndpoint]
  first.timeoutMs = 30
  expect(await askModel(question, realClock)).toMatchObject({ servedIndex: 1, error: "deadline_exceeded" })
  expect(first.lastCall?.timeoutMs).toBe(30)
})

it("asks no other model about features that can't be scored", async () => {
  const invalid = new GatewayError("features_invalid")
  for (const remote of [true, false]) {
    const { question, endpoints } = questionOf([{ kind: "fail", error: invalid }, scores(1)], { remote })
    expect(await askModel(question, realClock)).toMatchObject({
      answered: false,
      error: "features_invalid",
      failure: invalid,
    })
    expect(endpoints[1]?.calls).toBe(0)
  }
})

it("answers a local model without a promise, and the next of the ladder where it fails", async () => {
  const { question } = questionOf([scores(0.5)], { remote: false })
  expect(askModel(question, realClock)).toMatchObject({ answered: true, servedIndex: 0, error: null })
  const { question: failing } = questionOf([FAILS, scores(0.5)], { remote: false })
  expect(await askModel(failing, realClock)).toMatchObject({ answered: true, servedIndex: 1, error: "backend_failed" })
})

it("hands the model everything about the call, the variant being the one that is asked", async () => {
  const call = modelCall({
    payload: { ...BODY, protocol: "sagemaker" },
    traceHeaders: () => ({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }),
  })
  const { question, endpoints } = questionOf([FAILS, scores(0.5)], { call })
  await askModel(question, realClock)
  for (const [i, { lastCall }] of endpoints.entries()) {
    expect(lastCall).toMatchObject({ ...call, variant: `m${i}`, timeoutMs: expect.any(Number) })
  }
})

it.each([
  ["a body of its own", { kind: "body", body: BODY }],
  ["a location", { kind: "accepted", location: "s3://answers/1" }],
] as const)("passes on %s to a caller who takes it, and falls back for one who asked for scores", async (_, answer) => {
  const behaviours = [{ kind: "answer", answer } as const, scores(0.5)]
  const { question: takes } = questionOf(behaviours, { takesOpaque: true })
  expect(await askModel(takes, realClock)).toMatchObject({
    answered: true,
    result: answer,
    servedIndex: 0,
    error: null,
  })
  const { question: asksForScores } = questionOf(behaviours)
  expect(await askModel(asksForScores, realClock)).toMatchObject({ servedIndex: 1, error: "wrong_shape" })
})
