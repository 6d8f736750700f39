import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import seedrandom from "seedrandom"
import { expect, it } from "vitest"
import * as z from "zod"
import { GatewayClient } from "#src/cli/demo/gateway-client.ts"
import { JsonOverHttp } from "#src/cli/demo/http-json.ts"
import { type Playground, play } from "#src/cli/demo/play.ts"
import { contestedSlates } from "#src/cli/demo/slates.ts"
import { tinyPool } from "./tiny-pool.ts"

const traffic = { decisions: 200, ratePerSecond: 100_000, visitorPrefix: "v" }
const predictSchema = z.strictObject({
  experiment: z.literal("e"),
  unitId: z.string(),
  instances: z.array(z.strictObject({ ad: z.string() })).length(5),
})
const rewardSchema = z.strictObject({ decision: z.string(), metric: z.literal("click"), value: z.literal(1) })

/** Stands where the gateway stands: ranks by the ad's number, upwards for `up`, downwards for `down`, and turns by turn. */
class Server {
  readonly units: string[] = []
  readonly rewards: string[] = []
  status = 200
  rank = (variant: string, ad: number) => (variant === "up" ? ad : -ad)

  answer(request: IncomingMessage, response: ServerResponse): void {
    let text = ""
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString()
    })
    request.on("end", () => {
      const body: unknown = JSON.parse(text)
      response.writeHead(this.status)
      response.end(JSON.stringify(request.url === "/predict" ? this.#predict(body) : this.#reward(body)))
    })
  }

  #predict(body: unknown): unknown {
    const { unitId, instances } = predictSchema.parse(body)
    const variant = this.units.push(unitId) % 2 === 0 ? "up" : "down"
    const predictions = instances.map(({ ad }) => this.rank(variant, Number(ad)))
    return { variant, predictions, decision: `token-${unitId}-${variant}` }
  }

  #reward(body: unknown): unknown {
    this.rewards.push(rewardSchema.parse(body).decision)
    return {}
  }
}

async function against(server: Server, use: (ground: Playground) => Promise<void>): Promise<void> {
  const listening = createServer((request, response) => server.answer(request, response))
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve))
  const address = listening.address()
  if (address === null || typeof address === "string") throw new Error("the server has no port")
  const http = new JsonOverHttp(`http://127.0.0.1:${address.port}`, 16)
  try {
    await use({
      client: new GatewayClient(http, "e"),
      pool: tinyPool,
      slates: contestedSlates(tinyPool, seedrandom.alea("play")),
      variants: ["up", "down"],
      monotonicMs: () => performance.now(),
      signal: new AbortController().signal,
    })
  } finally {
    http.close()
    await new Promise((resolve) => listening.close(resolve))
  }
}

it("shows each visitor the chosen variant's top ad and posts exactly the clicks back", async () => {
  const server = new Server()
  await against(server, async (ground) => {
    const seen: number[] = []
    const tally = await play(ground, traffic, ({ decisions }) => seen.push(decisions))
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
    expect(new Set(server.units)).toEqual(new Set(Array.from({ length: 200 }, (_, i) => `v-${i}`)))
    // The upper half of the ads is clicked: every decision of the variant that ranks upwards earns a click, no other does.
    expect(tally.chosen).toEqual([
      { decisions: 100, clicks: 100 },
      { decisions: 100, clicks: 0 },
    ])
    expect(tally).toMatchObject({ decisions: 200, clicks: 100, always: [200, 0], even: 100 })
    expect(server.rewards).toHaveLength(100)
    expect(server.rewards.every((token) => token.endsWith("-up"))).toBe(true)
  })
})

it("stops when it is told to, with the tally of what was played", async () => {
  const server = new Server()
  await against(server, async (ground) => {
    const stopper = new AbortController()
    const slow = { ...traffic, ratePerSecond: 100 }
    const tally = await play({ ...ground, signal: stopper.signal }, slow, ({ decisions }) => {
      if (decisions === 3) stopper.abort()
    })
    expect(tally.decisions).toBeGreaterThanOrEqual(3)
    expect(tally.decisions).toBe(server.units.length)
    expect(tally.decisions).toBeLessThan(traffic.decisions)
  })
})

it("fails when a ranking is not the model's", async () => {
  const server = new Server()
  server.rank = (_, ad) => ad
  await against(server, async (ground) => {
    await expect(play(ground, traffic, () => {})).rejects.toThrow("ranking for variant down is not its model's")
  })
})

it("fails on the first refusal and begins nothing more", async () => {
  const server = new Server()
  server.status = 503
  await against(server, async (ground) => {
    await expect(play(ground, traffic, () => {})).rejects.toThrow("the gateway answered 503 to /predict")
    expect(server.units.length).toBeLessThan(traffic.decisions)
  })
})
