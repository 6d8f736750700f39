import { expect, it } from "vitest"
import { MemoryModelEndpoint } from "#src/adapters/memory/model-endpoint.ts"
import { GatewayError } from "#src/domain/errors.ts"
import { modelCall } from "#test/model-call.ts"

const score = (instance: Readonly<Record<string, unknown>>) => Object.keys(instance).length
const instances = [{ a: "1" }, {}, { a: "1", b: "2" }]

it("scores at once and in order", () => {
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: false, behaviour: { kind: "score", score } })
  expect(endpoint.predict(modelCall({ instances }))).toEqual({ kind: "scores", scores: [1, 0, 2] })
  expect(endpoint.calls).toBe(1)
})

it("answers after its delay", async () => {
  const behaviour = { kind: "delay", delayMs: 1, score } as const
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: true, behaviour })
  expect(await endpoint.predict(modelCall({ instances }))).toEqual({ kind: "scores", scores: [1, 0, 2] })
})

it("gives up when the call may take no longer", async () => {
  const behaviour = { kind: "delay", delayMs: 60_000, score } as const
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: true, behaviour })
  await expect(endpoint.predict(modelCall({ instances, timeoutMs: 5 }))).rejects.toMatchObject({
    code: "deadline_exceeded",
  })
})

it("fails with the error that it was given, until it is given something else", () => {
  const error = new GatewayError("backend_failed")
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: false, behaviour: { kind: "fail", error } })
  expect(() => endpoint.predict(modelCall({ instances }))).toThrow(error)
  endpoint.behaviour = { kind: "score", score }
  expect(endpoint.predict(modelCall({ instances }))).toEqual({ kind: "scores", scores: [1, 0, 2] })
})

it("hangs however long the call may take", async () => {
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: true, behaviour: { kind: "hang" } })
  const answer = Promise.resolve(endpoint.predict(modelCall({ instances, timeoutMs: 1 }))).then(() => "answered")
  expect(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 5, "hanging"))])).toBe("hanging")
})
