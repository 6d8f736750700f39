import { once } from "node:events"
import { Agent, request as httpRequest, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { describe, expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { IncomingBodies } from "#src/entry/incoming-body.ts"
import { createNodeServer } from "#src/entry/node-server.ts"
import { Gate } from "#src/entry/overload/gate.ts"
import { TurnEnd } from "#src/entry/turn-end.ts"
import type { ThreadLoad } from "#src/http/overload/admission.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { createTestGateway } from "../../http/gateway.ts"
import { mismatch } from "../../http/published-schema.ts"

const OVERLOADED: ThreadLoad = { loopDelayMs: 100, loopUtilization: 1, heapShare: 0.1 }
const FULL: ThreadLoad = { loopDelayMs: 0, loopUtilization: 0.1, heapShare: 0.96 }
const PREDICTION = JSON.stringify({ experiment: "banner-ctr", features: { hour: "14102100" } })

async function serve(settings = "") {
  const { overload } = parseConfig({ OVERLOAD_LIMITS: settings })
  if (overload === undefined) throw new Error("no limits")
  const gateway = await createTestGateway()
  const gate = new Gate(overload)
  const shed: string[] = []
  gate.onShed = (partition, cause) => {
    shed.push(`${partition} ${cause}`)
    gateway.metrics.shed(partition, cause)
  }
  const server = createNodeServer(gateway.application, { gate, bodies: new IncomingBodies(undefined, new TurnEnd()) })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(async () => {
    agent.destroy()
    server.closeAllConnections()
    await new Promise((settle) => server.close(settle))
  })
  const { port } = server.address() as AddressInfo
  /** Over one connection, unless told otherwise. */
  const ask = async (method: string, path: string, body = "", through: Agent | false = agent) => {
    const headers = body === "" ? {} : { "content-type": "application/json", "content-length": body.length }
    const asked = httpRequest({ port, host: "127.0.0.1", method, path, headers, agent: through })
    asked.end(body)
    const [answer] = (await once(asked, "response")) as [IncomingMessage]
    return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
  }
  return { gateway, gate, shed, port, ask }
}

describe("given a gateway short of memory", () => {
  it("refuses predictions and rewards with 503, the control plane with 429, and answers health checks and metrics", async () => {
    const { gate, ask, gateway } = await serve()
    gate.admission.look(FULL)
    for (const [method, path] of [
      ["POST", "/predict"],
      ["POST", "/predict/banner-ctr"],
      ["GET", "/reward?d=x"],
      ["GET", "/reward.gif?d=x"],
      ["POST", "/%70redict"],
    ] as const) {
      const { status, headers, body } = await ask(method, path, method === "POST" ? PREDICTION : "")
      expect([path, status]).toEqual([path, 503])
      const problem: unknown = JSON.parse(body)
      expect(problem).toMatchObject({ code: "overloaded" })
      expect(mismatch("Problem", problem)).toBeUndefined()
      expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/)
      expect(Number(headers["retry-after"])).toBeGreaterThanOrEqual(1)
    }
    const busy = await ask("GET", "/admin/experiments")
    expect([busy.status, JSON.parse(busy.body).code]).toEqual([429, "admin_busy"])
    for (const path of ["/healthz", "/readyz", "/healthcheck", "/metrics"]) {
      expect([path, (await ask("GET", path)).status]).toEqual([path, 200])
    }
    expect((await ask("HEAD", "/healthz")).status).toBe(200)
    const samples = await (await gateway.request("/metrics")).text()
    expect(samples).toContain('bandit_shed_total{partition="predict",cause="heap"} 3')
    expect(samples).toContain('bandit_shed_total{partition="reward",cause="heap"} 2')
    expect(samples).toContain('bandit_problems_total{code="admin_busy"} 1')
    expect(samples).toContain('bandit_problems_total{code="overloaded"} 3')
  })

  it("ends connections with their answers, and serves again when there is memory", async () => {
    const { gate, ask } = await serve()
    gate.admission.look(FULL)
    expect((await ask("GET", "/healthz")).headers.connection).toBe("close")
    gate.admission.look({ ...FULL, heapShare: 0.5 })
    const { status, headers } = await ask("POST", "/predict", PREDICTION)
    expect([status, headers.connection]).toEqual([200, "keep-alive"])
  })

  it("asks callers to come back at different times", async () => {
    const { gate, ask } = await serve("retryAfterSeconds=3")
    gate.admission.look(FULL)
    const seconds = new Set<unknown>()
    for (let i = 0; i < 4; i++) seconds.add((await ask("POST", "/predict", PREDICTION)).headers["retry-after"])
    expect(seconds).toEqual(new Set(["3", "4"]))
  })
})

describe("given too many requests in flight", () => {
  it("refuses what comes on top until one is answered, and lets none rest that waits as told", async () => {
    const { gateway, ask, shed } = await serve("concurrencyMin=1,concurrencyInitial=2,concurrencyMax=2")
    for (const model of gateway.models) model.behaviour = { kind: "hang" }
    const held = [1, 2].map(() => ask("POST", "/predict", PREDICTION, false))
    await expect.poll(async () => (await ask("POST", "/predict", PREDICTION)).status).toBe(503)
    expect(new Set(shed)).toEqual(new Set(["predict concurrency"]))
    gateway.clock.advance(1)
    await Promise.all(held)
    for (const model of gateway.models) model.behaviour = { kind: "score", score: () => 0.5 }
    expect((await ask("POST", "/predict", PREDICTION)).status).toBe(200)
  })
})

describe("given an overloaded gateway", () => {
  /** Its queue is full of requests that never begin. */
  async function overloaded() {
    const served = await serve()
    served.gate.admission.look(OVERLOADED)
    const waiting = Array.from({ length: 32 }, () => {
      const request = served.gate.admission.enter("predict")
      request.whole()
      return request
    })
    return { ...served, waiting }
  }

  it("refuses at once, and leaves what is sent on that connection before it should be unread, then refuses it", async () => {
    const { ask, gate, shed } = await overloaded()
    expect((await ask("POST", "/predict", PREDICTION)).status).toBe(503)
    await expect.poll(() => gate.resting.count).toBe(1)
    const startedMs = performance.now()
    expect((await ask("POST", "/predict", PREDICTION)).status).toBe(503)
    expect(performance.now() - startedMs).toBeGreaterThan(300)
    expect(shed).toEqual(["predict event_loop", "predict returned_early"])
  })

  it("serves who waited as told, on the same connection", async () => {
    const { ask, gate, waiting } = await overloaded()
    expect((await ask("POST", "/predict", PREDICTION)).headers["retry-after"]).toMatch(/^[12]$/)
    for (const request of waiting) request.end()
    await expect.poll(() => gate.resting.count).toBe(1)
    await expect.poll(() => gate.resting.count, { timeout: 2_000 }).toBe(0)
    expect((await ask("POST", "/predict", PREDICTION)).status).toBe(200)
  })

  it("looks at what arrives while the work of a turn goes on, and says that it is overloaded", async () => {
    const { overload } = parseConfig({ OVERLOAD_LIMITS: "loopDelayMs=10" })
    if (overload === undefined) throw new Error("no limits")
    const turnEnd = new TurnEnd()
    const logger = createRememberingLogger()
    new Gate(overload).watch(turnEnd, logger)
    expect(turnEnd.looksInBetween).toBe(false)
    const holdUp = setInterval(() => {
      const untilMs = performance.now() + 60
      while (performance.now() < untilMs);
    }, 80)
    onTestFinished(() => clearInterval(holdUp))
    await expect.poll(() => turnEnd.looksInBetween, { timeout: 10_000 }).toBe(true)
    expect(logger.messages).toEqual(["warn: overloaded: requests are refused so that the others are answered in time"])
  })

  it("answers health checks on other connections meanwhile", async () => {
    const { ask } = await overloaded()
    await ask("POST", "/predict", PREDICTION)
    expect((await ask("GET", "/readyz", "", false)).status).toBe(200)
  })

  it("forgets a resting connection that its peer gave up", async () => {
    const { gate, port } = await overloaded()
    const agent = new Agent({ keepAlive: true })
    const asked = httpRequest({ port, host: "127.0.0.1", method: "POST", path: "/predict", agent })
    asked.end(PREDICTION)
    await once(asked, "response")
    await expect.poll(() => gate.resting.count).toBe(1)
    asked.destroy()
    agent.destroy()
    await expect.poll(() => gate.resting.count, { timeout: 2_000 }).toBe(0)
  })
})

it("lets slow senders take no place of others", async () => {
  const { gate, ask, port } = await serve("concurrencyMin=1,concurrencyInitial=1,concurrencyMax=1")
  const slow = httpRequest({
    port,
    host: "127.0.0.1",
    method: "POST",
    path: "/predict",
    headers: { "content-length": 50 },
  })
  slow.on("error", () => {})
  slow.write("{")
  await once(slow, "socket")
  expect((await ask("POST", "/predict", PREDICTION)).status).toBe(200)
  expect(gate.admission.state).toMatchObject({ queued: 0, inFlight: 0 })
  slow.destroy()
})
