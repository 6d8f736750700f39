import { expect, it } from "vitest"
import { MemoryModelEndpoint } from "#src/adapters/memory/model-endpoint.ts"
import { GatewayError } from "#src/domain/errors.ts"
import { modelCall } from "#test/model-call.ts"

const score = (instance: Readonly<Record<string, unknown>>) => Object.keys(instance).length
const instances = [{ a: "1" }, {}, { a: "1", b: "2" }]

it("scores at once and in order", () => {
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: false, behaviour: { kind: "score", score } })
  expect(endpoint.predict(modelCall({ instances }), undefined)).toEqual({ kind: "scores", scores: [1, 0, 2] })
  expect(endpoint.calls).toBe(1)
})

it("answers after its delay", async () => {
  const behaviour = { kind: "delay", delayMs: 1, score } as const
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: true, behaviour })
  expect(await endpoint.predict(modelCall({ instances }), undefined)).toEqual({ kind: "scores", scores: [1, 0, 2] })
})

it("stops waiting when the caller gives up, before the call or during it", async () => {
  const behaviour = { kind: "delay", delayMs: 60_000, score } as const
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: true, behaviour })
  const during = new AbortController()
  const answer = endpoint.predict(modelCall({ instances }), during.signal)
  during.abort()
  await expect(answer).rejects.toMatchObject({ code: "backend_failed" })
  await expect(endpoint.predict(modelCall({ instances }), AbortSignal.abort())).rejects.toMatchObject({
    code: "backend_failed",
  })
})

it("fails with the error that it was given, until it is given something else", () => {
  const error = new GatewayError("backend_failed")
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: false, behaviour: { kind: "fail", error } })
  expect(() => endpoint.predict(modelCall({ instances }), undefined)).toThrow(error)
  endpoint.behaviour = { kind: "score", score }
  expect(endpoint.predict(modelCall({ instances }), undefined)).toEqual({ kind: "scores", scores: [1, 0, 2] })
})

it("hangs whatever the caller does", async () => {
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: true, behaviour: { kind: "hang" } })
  const answer = Promise.resolve(endpoint.predict(modelCall({ instances }), AbortSignal.abort())).then(() => "answered")
  expect(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 5, "hanging"))])).toBe("hanging")
})
