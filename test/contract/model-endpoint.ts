import type { ServerResponse } from "node:http"
import { describe, expect, it } from "vitest"
import type { Features, ModelEndpoint } from "#src/ports/model-endpoint.ts"
import { type Asked, startLocalServer } from "#test/local-server.ts"
import { modelCall } from "#test/model-call.ts"

/** A model under test, and what it answers for instances. */
export interface OpenedEndpoint {
  readonly endpoint: ModelEndpoint
  readonly scoreOf: (instance: Features) => number
}

const INSTANCES: readonly Features[] = [{ a: 3 }, { a: 1 }, { a: 2 }]

/** What every model endpoint promises. */
export function modelEndpointContract(name: string, open: () => Promise<OpenedEndpoint>): void {
  describe(`given ${name}`, () => {
    it("answers one number for each instance, in their order", async () => {
      const { endpoint, scoreOf } = await open()
      for (const instances of [INSTANCES, INSTANCES.slice(1, 2)]) {
        const answer = await endpoint.predict(modelCall({ instances, timeoutMs: 20_000 }))
        expect(answer).toMatchObject({ kind: "scores", scores: instances.map((instance) => scoreOf(instance)) })
      }
    })

    it("says what it is, and that it can be asked with features", async () => {
      const { endpoint } = await open()
      expect(endpoint.model).not.toBe("")
      expect(endpoint.takes.features).toBe(true)
      expect(endpoint.isReady?.() ?? true).toBe(true)
      expect(endpoint.target !== undefined).toBe(endpoint.remote)
    })
  })
}

/** A server that scores what it is asked. */
export interface ScoringServer {
  /** What `a` was of each instance in a request. */
  readonly read: (body: string) => readonly number[]
  /** The body that answers these scores. */
  readonly write: (scores: readonly number[]) => string
  /** The most bytes that the endpoint under test sends and takes. */
  readonly maxBodyBytes: number
  readonly open: (origin: string) => ModelEndpoint
}

type Misbehaviour = (response: ServerResponse) => void

/** What every endpoint promises that asks a server, over a real one. */
export function remoteEndpointContract(name: string, server: ScoringServer): void {
  const score = (a: number) => a / 8
  const respond = (one: Asked, response: ServerResponse) => {
    const scores = server.read(one.body.toString()).map(score)
    response.writeHead(200, { "content-type": "application/json" }).end(server.write(scores))
  }
  const opened = async (misbehave?: Misbehaviour) => {
    const { origin, asked } = await startLocalServer((one, response) => {
      if (misbehave === undefined) respond(one, response)
      else misbehave(response)
    })
    return { endpoint: server.open(origin), asked }
  }
  const call = modelCall({ instances: INSTANCES, timeoutMs: 20_000 })

  modelEndpointContract(name, async () => {
    const { endpoint } = await opened()
    return { endpoint, scoreOf: ({ a }) => score(Number(a)) }
  })

  describe(`given ${name} and its server`, () => {
    it("asks as it shows, tells the server its time, and says with what status it answered", async () => {
      const { endpoint, asked } = await opened()
      expect(await endpoint.predict(call)).toMatchObject({ kind: "scores", status: 200 })
      const shown = endpoint.preview?.()
      expect(asked).toMatchObject([{ method: shown?.method, path: shown?.path }])
      expect(asked[0]?.headers["content-type"]).toBe(shown?.headers["content-type"])
      expect(endpoint.health?.()).toMatchObject({ circuit: "closed", lastFailure: undefined })
    })

    it.each([400, 404, 422, 500, 302])("fails with the status %i of a server that refuses", async (status) => {
      const { endpoint, asked } = await opened((response) => {
        response.writeHead(status, { location: "/elsewhere", "content-type": "application/json" }).end('{"error":"no"}')
      })
      await expect(endpoint.predict(call)).rejects.toMatchObject({ code: "backend_failed", backendStatus: status })
      expect(asked).toHaveLength(1)
      expect(endpoint.health?.().lastFailure).toContain(String(status))
    })

    it.each<[string, string, Misbehaviour]>([
      ["closes the connection", "backend_failed", (response) => void response.destroy()],
      ["resets the connection", "backend_failed", (response) => void response.socket?.resetAndDestroy()],
      [
        "ends within its answer",
        "backend_failed",
        (response) => {
          response.writeHead(200, { "content-type": "application/json", "content-length": "1000" })
          response.write('{"predictions":', () => response.destroy())
        },
      ],
      [
        "answers too much",
        "backend_failed",
        (response) => void response.end(`{"x":"${"x".repeat(server.maxBodyBytes)}"}`),
      ],
      ["answers no JSON", "wrong_shape", (response) => void response.end("{")],
      ["answers nothing", "wrong_shape", (response) => void response.end()],
      ["answers something else", "wrong_shape", (response) => void response.end('{"other":[]}')],
      ["answers another number of scores", "wrong_shape", (response) => void response.end(server.write([0.5]))],
      ["answers what is no number", "wrong_shape", (response) => void response.end(server.write([0.5, Number.NaN, 1]))],
    ])("fails where the server %s", async (_, code, misbehave) => {
      const { endpoint } = await opened(misbehave)
      await expect(endpoint.predict(call)).rejects.toMatchObject({ code })
    })

    it("gives up when its time is over", async () => {
      const { endpoint, asked } = await opened(() => {})
      const late = endpoint.predict({ ...call, timeoutMs: 300 })
      await expect(late).rejects.toMatchObject({ code: "deadline_exceeded" })
      expect(asked.length).toBeLessThanOrEqual(1)
    })

    it("fails where nobody listens", async () => {
      await expect(server.open("http://127.0.0.1:1").predict(call)).rejects.toMatchObject({ code: "backend_failed" })
    })

    it("sends no more than its target takes", async () => {
      const { endpoint, asked } = await opened()
      const instances = Array.from({ length: server.maxBodyBytes / 2 }, () => ({ a: 12 }))
      await expect(endpoint.predict({ ...call, instances })).rejects.toMatchObject({ code: "not_taken" })
      expect(asked).toEqual([])
    })

    it("leaves a server alone that keeps failing", async () => {
      const { endpoint, asked } = await opened((response) => void response.writeHead(500).end())
      for (let i = 0; i < 5; i++) await expect(endpoint.predict(call)).rejects.toMatchObject({ code: "backend_failed" })
      await expect(endpoint.predict(call)).rejects.toMatchObject({ code: "backend_unavailable" })
      expect([asked.length, endpoint.isReady?.(), endpoint.health?.().circuit]).toEqual([5, false, "open"])
    })
  })
}
