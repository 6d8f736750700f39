import { readdirSync, readFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { join } from "node:path"
import { expect, it } from "vitest"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { GatewayProcess } from "./gateway-process.ts"

const CLIENTS = 8
const BEFORE_THE_SIGNAL_MS = 300

/** One prediction over a kept connection. Rejects when the connection breaks before the answer is whole. */
function predict(
  address: string,
  agent: Agent,
): Promise<{ status: number | undefined; connection: string | undefined; id: string }> {
  const body = JSON.stringify({ experiment: "clicks", features: { hour: "14102100" } })
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": body.length }
    const sent = request(`${address}/predict`, { method: "POST", agent, headers }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (part: string) => {
        text += part
      })
      response.on("end", () => {
        const { decisionId = "" } = JSON.parse(text) as { decisionId?: string }
        resolve({ status: response.statusCode, connection: response.headers.connection, id: decisionId })
      })
      response.on("error", reject)
    })
    sent.on("error", reject)
    sent.end(body)
  })
}

it.each(["1", "2"])(
  "loses nothing on SIGTERM, nor on a second one: every request that a balancer still sends is answered, and every answer is in the log (THREADS=%s)",
  async (THREADS) => {
    const folder = temporaryFolder()
    const gateway = await GatewayProcess.start(folder, { THREADS })
    const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
    const answers: Awaited<ReturnType<typeof predict>>[] = []
    const balancer = { sends: true }
    const client = async () => {
      while (balancer.sends) answers.push(await predict(gateway.address, agent))
    }
    const clients = Array.from({ length: CLIENTS }, client)

    await new Promise((settle) => setTimeout(settle, BEFORE_THE_SIGNAL_MS))
    const signalledMs = performance.now()
    const stopped = gateway.stop()
    // A balancer: it goes on sending until it hears that the gateway is not ready.
    await expect.poll(async () => (await fetch(`${gateway.address}/readyz`)).status, { interval: 20 }).toBe(503)
    gateway.signal("SIGTERM")
    const beforeTheBalancerKnew = answers.length
    await expect.poll(() => answers.length - beforeTheBalancerKnew, { interval: 20 }).toBeGreaterThan(CLIENTS)
    balancer.sends = false
    await Promise.all(clients)
    expect(await stopped).toBe(0)
    const seconds = ((performance.now() - signalledMs) / 1000).toFixed(1)
    process.stdout.write(`ended ${seconds} s after SIGTERM: ${answers.length} requests, all answered\n`)
    agent.destroy()

    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    expect(answers.at(-1)?.connection).toBe("close")
    const logs = readdirSync(join(folder, "data", "outcomes"), { recursive: true, encoding: "utf8" })
    const log = logs
      .filter((name) => name.endsWith(".ndjson"))
      .map((name) => readFileSync(join(folder, "data", "outcomes", name), "utf8"))
      .join("")
    expect(answers.filter(({ id }) => !log.includes(`"d-${id}"`))).toEqual([])
  },
)
