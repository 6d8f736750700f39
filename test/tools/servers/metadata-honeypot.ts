/**
 * Tries to reach what must never be reached, where every address there is leads to a trap. To be run in a network namespace of its own:
 *
 *   unshare --net node test/tools/servers/metadata-honeypot.ts
 *
 * Prints as JSON what was dialled (a spy in this process) and what arrived (the trap, outside of what is tested).
 */
import { execFileSync } from "node:child_process"
import { subscribe } from "node:diagnostics_channel"
import { createServer as createHttpServer } from "node:http"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { createHttpModel } from "#src/adapters/http-model/model-endpoint.ts"
import { createOutboundHttp, type OutboundOptions } from "#src/adapters/undici/outbound-http.ts"
import { TargetGuard } from "#src/app/target-guard.ts"
import { parseTargets } from "#src/domain/backends/target.ts"
import { machineClock } from "#src/entry/machine-clock.ts"
import { NEVER } from "../../fixtures/forged-addresses.ts"

const TRAP_PORT = 80
const REQUEST = { method: "GET", path: "/latest/meta-data/", headers: {}, body: undefined } as const
/** What names of metadata services, and names made to lead there, resolve to. */
const FORBIDDEN = [
  "169.254.169.254",
  "169.254.170.2",
  "100.100.100.200",
  "168.63.129.16",
  "0.0.0.0",
  "255.255.255.255",
  "fd00:ec2::254",
  "fe80::1",
  "::",
  "::ffff:169.254.169.254",
  "64:ff9b::a9fe:a9fe",
  "2002:a9fe:a9fe::",
]

// Every address is this machine: whatever is dialled arrives here.
for (const args of ["link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"]) {
  execFileSync("ip", args.split(" "))
}

const dialled: string[] = []
subscribe("net.client.socket", (message) => {
  const { socket } = message as { readonly socket: Socket }
  socket.on("connectionAttempt", (address: string) => dialled.push(address))
})

const caught: string[] = []
const trap = createServer((socket) => {
  caught.push(socket.localAddress ?? "")
  socket.on("error", () => {})
  socket.end("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret")
})
await new Promise<void>((resolve) => trap.listen(TRAP_PORT, "::", resolve))

/** A server that is allowed and sends everyone elsewhere. */
const redirecting = createHttpServer((_, response) => {
  response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data/" }).end()
})
await new Promise<void>((resolve) => redirecting.listen(0, "127.0.0.1", resolve))
const { port } = redirecting.address() as AddressInfo

/** What came of a request: an answer's status, a failure, or a refusal to make the connections at all. */
async function reach(origin: string, options: Partial<OutboundOptions> = {}): Promise<string> {
  let outbound: ReturnType<typeof createOutboundHttp>
  try {
    outbound = createOutboundHttp({ origin, connections: 1, maxAnswerBytes: 1024, ...options })
  } catch {
    return "refused"
  }
  const result = await outbound.send(REQUEST, 2_000)
  await outbound.close()
  return result.ok ? String(result.answer.status) : result.failure
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) && /^https?:/.test(url) ? new URL(url).origin : undefined
}

const accepted = NEVER.filter((baseUrl) => {
  return parseTargets({ targets: { t: { kind: "http", protocol: "json", baseUrl } } }).ok
})

/** The connections alone, past everything that reads TARGETS_FILE; names lead to the trap. */
const NAMES = ["http://metadata.google.internal", "http://169.254.169.254.nip.io", "http://metadata"]
const byAddress: Record<string, string> = {}
const origins = new Set([...NAMES, ...NEVER].map(originOf).filter((origin) => origin !== undefined))
for (const origin of origins) {
  const { hostname } = new URL(origin)
  // Loopback in another spelling is loopback to whoever reads the URL: models may live there.
  if (hostname === "127.0.0.1" || hostname === "[::1]" || hostname.startsWith("localhost")) continue
  byAddress[origin] = await reach(origin, {
    resolve: (_name, _options, done) => done(null, [{ address: "169.254.169.254", family: 4 }]),
  })
}

/** A name that is well at first and leads elsewhere later. */
const rebound: string[] = []
for (const address of FORBIDDEN) {
  const answers = ["127.0.0.1", address]
  const outbound = createOutboundHttp({
    origin: `http://model.example:${port}`,
    connections: 1,
    maxAnswerBytes: 1024,
    resolve: (_name, _options, done) => {
      const next = answers.shift() ?? address
      done(null, [{ address: next, family: next.includes(":") ? 6 : 4 }])
    },
  })
  const before = await outbound.send({ ...REQUEST, headers: { connection: "close" } }, 2_000)
  const after = await outbound.send(REQUEST, 2_000)
  rebound.push(`${before.ok ? before.answer.status : before.failure} ${after.ok ? after.answer.status : after.failure}`)
  await outbound.close()
}

/** Predictions and metadata of a model whose server sends everyone elsewhere. */
const outbound = createOutboundHttp({ origin: `http://127.0.0.1:${port}`, connections: 1, maxAnswerBytes: 1024 })
const guard = new TargetGuard({ name: "t", outbound, maxConcurrent: 1 }, machineClock, Math.random)
const limits = { headers: {}, maxBodyBytes: 1024, maxConcurrent: 1 }
const endpoint = createHttpModel({
  backend: { kind: "http", target: "t", model: "m" },
  target: { kind: "http", protocol: "open-inference-v2", baseUrl: `http://127.0.0.1:${port}`, ...limits },
  calls: guard.forModel(),
  clock: machineClock,
})
const redirected = [await reach(`http://127.0.0.1:${port}`), (await endpoint.describe?.())?.unread]
await outbound.close()

const before = { dialled: [...dialled], caught: [...caught] }
// The trap and the spy are alive: what nobody guards arrives.
for (const host of ["169.254.169.254", "fd00:ec2::254", "100.100.100.200"]) {
  await new Promise<void>((resolve) => connect({ host, port: TRAP_PORT }).on("close", resolve).resume())
}
trap.close()
redirecting.closeAllConnections()
redirecting.close()
console.log(JSON.stringify({ accepted, byAddress, rebound, redirected, ...before, unguarded: { dialled, caught } }))
