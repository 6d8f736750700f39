import { once } from "node:events"
import type { Server } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { describe, expect, it, onTestFinished } from "vitest"
import { createNodeServer } from "#src/entry/node-server.ts"
import { limitsFor, type PeerLimits, Peers } from "#src/entry/peers.ts"
import type { Answer, AnswerCall } from "#src/http/call.ts"

const LIMITS: PeerLimits = {
  connections: 64,
  waitingOfOne: 8,
  waitingOfAll: 20,
  untakenBytes: 1e9,
  takeAnswerMs: 10_000,
}
/** More than the kernel takes of one answer for a peer that doesn't read. */
const LARGE = new Uint8Array(32 * 1024 * 1024)
const GET_SMALL = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n"
const GET_LARGE = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"

const ok = (body: string | Uint8Array): Answer => ({ status: 200, headers: {}, body })
const refuse = (): Answer => ({ status: 404, headers: {}, body: null })

async function serve(changes: Partial<PeerLimits> = {}) {
  const clock = { nowMs: 1 }
  const peers = new Peers({ ...LIMITS, ...changes }, () => clock.nowMs)
  const held = Promise.withResolvers<void>()
  const small: AnswerCall = () => ok("small")
  const large: AnswerCall = () => ok(LARGE)
  const whenReleased: AnswerCall = async () => {
    await held.promise
    return ok("held")
  }
  const server: Server = createNodeServer(
    {
      routes: [
        { path: "/small", partition: undefined, methods: new Map([["GET", small]]), refuse },
        { path: "/large", partition: undefined, methods: new Map([["GET", large]]), refuse },
        {
          path: "/held",
          partition: undefined,
          methods: new Map([
            ["GET", whenReleased],
            ["POST", whenReleased],
          ]),
          refuse,
        },
      ],
      notFound: refuse,
      failed: refuse,
    },
    { peers },
  )
  await new Promise<void>((settle) => server.listen(0, "127.0.0.1", settle))
  onTestFinished(async () => {
    held.resolve()
    server.closeAllConnections()
    await new Promise((settle) => server.close(settle))
  })
  const { port } = server.address() as AddressInfo
  const open = async (text = ""): Promise<Socket> => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    onTestFinished(() => void socket.destroy())
    socket.on("error", () => socket.destroy())
    await once(socket, "connect")
    if (text !== "") socket.write(text)
    return socket
  }
  return { clock, peers, open, release: () => held.resolve() }
}

/** What arrives until the server closes. */
async function readAll(socket: Socket): Promise<string> {
  const parts: string[] = []
  socket.setEncoding("latin1")
  for await (const part of socket) parts.push(String(part))
  return parts.join("")
}

const answersIn = (text: string) => text.split("HTTP/1.1 200").length - 1

describe("peers", () => {
  it("have an answer cut off that they don't take in time", async () => {
    const { clock, peers, open } = await serve()
    const socket = await open(GET_LARGE)
    socket.pause()
    await expect.poll(() => peers.counts.connections).toBe(1)
    // Looked at for a second: an answer that is being taken is left alone.
    await new Promise((settle) => setTimeout(settle, 1200))
    expect(peers.counts).toMatchObject({ connections: 1, stalled: 0 })
    clock.nowMs += LIMITS.takeAnswerMs
    await expect.poll(() => peers.counts, { timeout: 3000 }).toMatchObject({ connections: 0, stalled: 1 })
  })

  it("are cut off when all together take too little, those who hold most first", async () => {
    const { peers, open } = await serve({ untakenBytes: LARGE.length * 1.5 })
    for (const socket of [await open(GET_LARGE), await open(GET_LARGE), await open(GET_LARGE)]) socket.pause()
    await expect.poll(() => peers.counts.stalled, { timeout: 3000 }).toBeGreaterThanOrEqual(1)
    expect(peers.counts.connections).toBeGreaterThanOrEqual(1)
  })

  it("get their answers in the order of their requests, however many they send at once", async () => {
    const { open, release } = await serve()
    const last = GET_SMALL.replace("Host", "Connection: close\r\nHost")
    const socket = await open(`GET /held HTTP/1.1\r\nHost: a\r\n\r\n${GET_SMALL.repeat(7)}${last}`)
    release()
    const text = await readAll(socket)
    expect(answersIn(text)).toBe(9)
    expect(text.indexOf("held")).toBeLessThan(text.indexOf("small"))
  })

  it("are closed when more requests wait than one may have waiting", async () => {
    const { peers, open } = await serve()
    const socket = await open(GET_LARGE + GET_SMALL.repeat(20))
    socket.pause()
    await expect.poll(() => peers.counts).toMatchObject({ connections: 0, flooding: 1 })
  })

  it("are closed when more requests wait than all may have waiting", async () => {
    const { peers, open } = await serve()
    for (let i = 0; i < 4; i++) (await open(GET_LARGE + GET_SMALL.repeat(6))).pause()
    await expect.poll(() => peers.counts).toMatchObject({ connections: 3, flooding: 1 })
  })

  it("make room for new ones, those that are being served last", async () => {
    const { peers, open, release } = await serve({ connections: 4 })
    const served = await open("GET /held HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    const idle = await open(GET_SMALL)
    await once(idle, "data")
    const silent = await open()
    const half = await open("POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
    await expect.poll(() => peers.counts.connections).toBe(4)

    for (const victim of [silent, half, idle]) {
      const closed = once(victim, "close")
      victim.resume()
      victim.on("end", () => victim.end())
      const newcomer = await open(GET_SMALL)
      await once(newcomer, "data")
      await closed
    }
    expect(peers.counts).toMatchObject({ connections: 4, crowdedOut: 3 })
    release()
    expect(await readAll(served)).toMatch(/held$/)
  })
})

it("limits grow with the heap, up to what one process serves", () => {
  expect(limitsFor(128 * 2 ** 20)).toMatchObject({ connections: 512, waitingOfAll: 1024, waitingOfOne: 128 })
  expect(limitsFor(64 * 2 ** 20)).toMatchObject({ connections: 256, waitingOfAll: 512, waitingOfOne: 64 })
  expect(limitsFor(4 * 2 ** 30).connections).toBe(5000)
})
