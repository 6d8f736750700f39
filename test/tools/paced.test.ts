import { once } from "node:events"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import { describe, expect, it, onTestFinished } from "vitest"
import { type PacedLoad, runPaced } from "../../loadtest/paced-run.ts"
import type { ServerProcess } from "../../loadtest/server-process.ts"

const LOAD: PacedLoad = {
  core: 0,
  connections: 4,
  seconds: 2,
  settleSeconds: 1,
  requestsPerSecond: 500,
  rewardShare: 0,
}

/** A server that tells what it was asked. */
async function serve(answer: RequestListener): Promise<ServerProcess & { readonly bodies: Record<string, string[]> }> {
  const bodies: Record<string, string[]> = { "/predict": [], "/reward": [] }
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    bodies[request.url ?? ""]?.push(await text(request))
    answer(request, response)
  }
  const server = createServer((request, response) => void take(request, response)).listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the loopback address gave no port")
  return {
    url: `http://127.0.0.1:${address.port}`,
    cpuSeconds: async () => 0,
    residentBytes: async () => 0,
    stop: async () => {},
    bodies,
  }
}

/** Answers a prediction with a token of its own, which tells its number. */
function predictor(): RequestListener {
  let count = 0
  return (request, response) => {
    const body = request.url === "/predict" ? `{"decision":"v1.${count++}","prediction":0.3}` : `{"status":"applied"}`
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length })
    response.end(body)
  }
}

describe("given a server that stops for a while", () => {
  it("counts what the stop cost those that were due meanwhile, not only those that were under way", async () => {
    const answer = predictor()
    let beganMs: number | undefined
    let stopped = false
    const server = await serve((request, response) => {
      beganMs ??= performance.now()
      if (!stopped && performance.now() - beganMs > 1_200) {
        stopped = true
        const untilMs = performance.now() + 400
        while (performance.now() < untilMs);
      }
      answer(request, response)
    })
    const { predictions } = await runPaced(server, LOAD)
    // 100 of the 500 that are counted were due in the first half of the stop. A closed loop would have had 4 slow answers, less than a hundredth.
    expect(predictions.p99Us).toBeGreaterThan(200_000)
    expect(server.bodies["/predict"]).toHaveLength(1_000)
  })
})

describe("given a server in order", () => {
  it("sends ad requests of many units, and all that were due", async () => {
    const server = await serve(predictor())
    const figures = await runPaced(server, LOAD)
    const units = (server.bodies["/predict"] ?? []).map((body) => JSON.parse(body).unitId)
    expect(units).toHaveLength(1_000)
    expect(new Set(units).size).toBe(1_000)
    expect(figures.rewards).toBeUndefined()
    expect(figures.requestsPerSecond).toBeLessThan(505)
  })

  it("rewards predictions by their own tokens, each at most once, in the share that was asked for", async () => {
    const server = await serve(predictor())
    const figures = await runPaced(server, { ...LOAD, rewardShare: 0.1 })
    const tokens = (server.bodies["/reward"] ?? []).map((body) => JSON.parse(body).decision)
    expect(tokens.length).toBeGreaterThan(90)
    expect(tokens.length).toBeLessThanOrEqual(100)
    expect(new Set(tokens).size).toBe(tokens.length)
    expect(tokens.every((token) => /^v1\.\d+$/.test(token))).toBe(true)
    expect(figures.rewards).toBeDefined()
  })
})

describe("given a server that fails", () => {
  it("tells of an answer with another status", async () => {
    const server = await serve((_, response) => void response.writeHead(503, { "content-length": 4 }).end("full"))
    await expect(runPaced(server, LOAD)).rejects.toThrow(/1000 of 1000 requests .* failed.*status 503: full/s)
  })

  it("tells of a connection that is closed instead of an answer", async () => {
    const server = await serve((_, response) => void response.destroy())
    await expect(runPaced(server, LOAD)).rejects.toThrow(
      /1000 of 1000 requests .* failed.*closed instead of an answer/s,
    )
  })

  it("tells that nobody listens", async () => {
    const nobody = {
      url: "http://127.0.0.1:1",
      cpuSeconds: async () => 0,
      residentBytes: async () => 0,
      stop: async () => {},
    }
    await expect(runPaced(nobody, LOAD)).rejects.toThrow("can't connect to port 1")
  })
})

describe("given a server that refuses every other request", () => {
  async function serveHalf() {
    const answer = predictor()
    let count = 0
    return await serve((request, response) => {
      if (count++ % 2 === 0) answer(request, response)
      else response.writeHead(503, { "retry-after": "1", "content-length": 4 }).end("full")
    })
  }

  it("waits as long as it was told, and gives up what finds no connection", async () => {
    const server = await serveHalf()
    const figures = await runPaced(server, { ...LOAD, patience: { ms: 0, refused: "waits" } })
    const asked = server.bodies["/predict"]?.length ?? 0
    // Four connections, each refused at its second request at the latest, for a second at least.
    expect(asked).toBeLessThanOrEqual(32)
    expect(figures.givenUp).toBe(1_000 - asked)
    expect(figures.refused).toBe(Math.floor(asked / 2))
  })

  it("returns at once where it is told to", async () => {
    const server = await serveHalf()
    const figures = await runPaced(server, { ...LOAD, patience: { ms: 1_000, refused: "returns" } })
    expect(server.bodies["/predict"]).toHaveLength(1_000)
    expect(figures).toMatchObject({ refused: 500, givenUp: 0 })
    expect(figures.refusals?.p50Us).toBeGreaterThan(0)
    expect(figures.servedPerSecond).toBeLessThan(260)
  })
})
