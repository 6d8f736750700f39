import type { Socket } from "node:net"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { AttackedGateway } from "./attacked-gateway.ts"
import type { Health } from "./health-probe.ts"

const HEAD = "Host: localhost\r\n"
const POST = `${HEAD}Content-Type: application/json\r\n`
const REWARDS = JSON.stringify(Array.from({ length: 1000 }, () => ({ decision: "v1.forged" })))
/** What is left of the promised 100 ms when the machine is busy with the attack's own side: ten times what an answer takes in peace is added. */
const PROMISED_MS = 100
const ASK_TIMES = 20

interface Attack {
  readonly what: string
  readonly connections: number
  /** What each connection does; it never reads. */
  readonly each: (socket: Socket, index: number) => void
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\n${HEAD}\r\n`
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

/** Goes away as rudely as TCP knows, some time after it has spoken. */
function abort(socket: Socket, text: string, index: number): void {
  socket.write(text)
  setTimeout(() => socket.resetAndDestroy(), index % 20)
}

const ATTACKS: readonly Attack[] = [
  {
    what: "abort a CONNECT",
    connections: 200,
    each: (socket, i) => abort(socket, `CONNECT a:1 HTTP/1.1\r\n${HEAD}\r\n`, i),
  },
  {
    what: "abort an upgrade",
    connections: 200,
    each: (socket, i) =>
      abort(socket, `GET /healthz HTTP/1.1\r\n${HEAD}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, i),
  },
  {
    what: "abort after Expect: 100-continue",
    connections: 200,
    each: (socket, i) =>
      abort(socket, `POST /reward HTTP/1.1\r\n${POST}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n`, i),
  },
  {
    what: "abort an expectation that nobody knows",
    connections: 200,
    each: (socket, i) => abort(socket, `GET /healthz HTTP/1.1\r\n${HEAD}Expect: tea\r\n\r\n`, i),
  },
  {
    what: "abort a chunked body",
    connections: 200,
    each: (socket, i) =>
      abort(socket, `POST /reward HTTP/1.1\r\n${POST}Transfer-Encoding: chunked\r\n\r\n${chunk("[{")}`, i),
  },
  {
    what: "abort a body of declared length",
    connections: 200,
    each: (socket, i) => abort(socket, `POST /predict HTTP/1.1\r\n${POST}Content-Length: 100\r\n\r\n{`, i),
  },
  {
    what: "abort in the middle of the headers",
    connections: 200,
    each: (socket, i) => abort(socket, `GET /healthz HTTP/1.1\r\nHo`, i),
  },
  {
    what: "open a CONNECT and keep it",
    connections: 300,
    each: (socket) => socket.write(`CONNECT a:1 HTTP/1.1\r\n${HEAD}\r\n`),
  },
  {
    what: "say the preface of HTTP/2",
    connections: 200,
    each: (socket) => socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  },
  { what: "say nothing", connections: 1000, each: () => {} },
  {
    what: "pipeline 40 GET /openapi.json and never read",
    connections: 400,
    each: (socket) => socket.write(get("/openapi.json").repeat(40)),
  },
  {
    what: "pipeline 40 GET /docs, half-close and never read",
    connections: 400,
    each: (socket) => socket.end(get("/docs").repeat(40)),
  },
  {
    what: "pipeline 40 GET /metrics and never read",
    connections: 200,
    each: (socket) => socket.write(get("/metrics").repeat(40)),
  },
  {
    what: "pipeline 1,500 GET /healthz in one packet and never read",
    connections: 40,
    each: (socket) => socket.write(get("/healthz").repeat(1500)),
  },
  {
    what: "pipeline five batches of 1,000 rewards and never read the answers of 120 KB",
    connections: 60,
    each: (socket) =>
      socket.write(`POST /reward HTTP/1.1\r\n${POST}Content-Length: ${REWARDS.length}\r\n\r\n${REWARDS}`.repeat(5)),
  },
  {
    what: "pipeline 40 slates of 100 instances and never read",
    connections: 30,
    each: (socket) => {
      const body = JSON.stringify({ experiment: "banner-ctr", instances: Array.from({ length: 100 }, () => ({})) })
      socket.write(`POST /predict HTTP/1.1\r\n${POST}Content-Length: ${body.length}\r\n\r\n${body}`.repeat(40))
    },
  },
  {
    what: "send all but the last byte of 1 MiB",
    connections: 300,
    each: (socket) =>
      socket.write(`POST /reward HTTP/1.1\r\n${POST}Content-Length: 1048576\r\n\r\n${" ".repeat(1_048_575)}`),
  },
  {
    what: "send a body in 100,000 chunks of one byte",
    connections: 8,
    each: (socket) =>
      socket.write(`POST /reward HTTP/1.1\r\n${POST}Transfer-Encoding: chunked\r\n\r\n${chunk(" ").repeat(100_000)}`),
  },
  {
    what: "send 100 headers a request, 100 requests deep",
    connections: 40,
    each: (socket) => socket.write(`GET /docs HTTP/1.1\r\n${HEAD}${"a:b\r\n".repeat(98)}\r\n`.repeat(100)),
  },
]

/** Those that ask most of memory, and of what threads do for each other. */
const ATTACKS_ON_THREADS = ATTACKS.filter(({ what }) => /GET \/metrics|GET \/docs|1 MiB|slates/.test(what))

describe.each([
  { threads: 1, attacks: ATTACKS },
  { threads: 2, attacks: ATTACKS_ON_THREADS },
])("given a gateway with a small heap and THREADS=$threads", ({ threads, attacks }) => {
  let gateway: AttackedGateway
  let inPeace: Health

  beforeAll(async () => {
    gateway = await AttackedGateway.start(threads)
    // The first answers of a process are slow for reasons of their own.
    await gateway.health(20)
    inPeace = await gateway.health(20)
  })
  beforeEach(async () => {
    if (gateway.isAlive) return
    await gateway.stop()
    gateway = await AttackedGateway.start(threads)
  })
  afterAll(() => gateway.stop())

  it.each(attacks.map((attack) => [attack.what, attack] as const))("outlives peers that %s", async (what, attack) => {
    const sockets = await gateway.open(attack.connections)
    for (const [i, socket] of sockets.entries()) attack.each(socket, i)
    const health = await gateway.health(ASK_TIMES)
    for (const socket of sockets) socket.resetAndDestroy()
    console.log(
      `${attack.connections} peers ${what}: ${gateway.isAlive ? "alive" : "DEAD"}, /healthz took ${[health.medianMs, health.mostMs, health.worstMs].map((ms) => ms.toFixed(0)).join(", ")} ms (median, 90 %, worst), ${health.failed} failed`,
    )
    expect(gateway.isAlive).toBe(true)
    expect(health.failed).toBe(0)
    expect(health.medianMs).toBeLessThan(PROMISED_MS + 10 * inPeace.medianMs)
  })

  it("counts the bodies that were broken off", async () => {
    // What the attack before has broken off is counted first.
    let before = Number.NaN
    const isSettled = async () => {
      const last = before
      before = await gateway.metric("bandit_bodies_aborted")
      return before === last
    }
    await expect.poll(isSettled, { timeout: 10_000, interval: 300 }).toBe(true)
    const body = `POST /reward HTTP/1.1\r\n${POST}Transfer-Encoding: chunked\r\n\r\n${chunk("[{")}`
    for (const socket of await gateway.open(3)) socket.write(body, () => setTimeout(() => socket.resetAndDestroy(), 50))
    await expect.poll(() => gateway.metric("bandit_bodies_aborted"), { timeout: 10_000 }).toBe(before + 3)
  })

  it("has logged none of this as an error of its own", async () => {
    expect(gateway.said).not.toMatch(/"level":"error"|unexpected|Error:/)
    for (const line of gateway.said.split("\n").filter((one) => one.startsWith("{"))) JSON.parse(line)
  })
})
