import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import seedrandom from "seedrandom"
import { expect, it, onTestFinished } from "vitest"
import { FaultProxy, type Faults } from "./fault-proxy.ts"

/** A server that answers with what it is sent, behind a proxy; and what reached the server. */
async function echo(faults: Faults) {
  const received: Buffer[] = []
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => {
      received.push(chunk)
      socket.write(chunk)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const proxy = await FaultProxy.start((server.address() as AddressInfo).port, seedrandom("echo"))
  proxy.suffer(faults)
  onTestFinished(async () => {
    await proxy.close()
    for (const socket of open) socket.destroy()
    server.close()
  })
  return { proxy, reached: () => Buffer.concat(received).toString(), pieces: () => received.length }
}

/** Sends a text, and waits for as many bytes as it has or for the end of the connection. */
async function ask(port: number, text: string): Promise<{ answer: string; ended: string | undefined; ms: number }> {
  const socket = connect(port, "127.0.0.1")
  const startedMs = performance.now()
  let answer = ""
  const ended = await new Promise<string | undefined>((resolve) => {
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString()
      if (answer.length >= text.length) resolve(undefined)
    })
    socket.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code))
    socket.on("close", () => resolve("closed"))
    socket.write(text)
    setTimeout(() => resolve("silence"), 500).unref()
  })
  socket.destroy()
  return { answer, ended, ms: performance.now() - startedMs }
}

it("passes everything on when nothing is wrong", async () => {
  const { proxy } = await echo({})
  const text = "x".repeat(300_000)
  expect(await ask(proxy.port, text)).toMatchObject({ answer: text, ended: undefined })
})

it("delays in both directions", async () => {
  const { proxy } = await echo({ latencyMs: 60 })
  const { answer, ms } = await ask(proxy.port, "late")
  expect(answer).toBe("late")
  expect(ms).toBeGreaterThanOrEqual(115)
})

it("lets through no more bytes a second than it may", async () => {
  const { proxy } = await echo({ bandwidth: 20_000 })
  const { answer, ms } = await ask(proxy.port, "y".repeat(2000))
  expect(answer).toHaveLength(2000)
  expect(ms).toBeGreaterThanOrEqual(190)
})

it("cuts chunks into slices", async () => {
  const { proxy, pieces } = await echo({ sliceBytes: 1 })
  expect(await ask(proxy.port, "sliced")).toMatchObject({ answer: "sliced", ended: undefined })
  expect(pieces()).toBeGreaterThan(1)
})

it("swallows everything, and lets nobody wait for it once it is healed", async () => {
  const { proxy, reached } = await echo({ blackHole: true })
  expect(await ask(proxy.port, "hello")).toMatchObject({ answer: "", ended: "silence" })
  expect(reached()).toBe("")
  const waiting = ask(proxy.port, "still there?")
  await new Promise((resolve) => setTimeout(resolve, 50))
  proxy.heal()
  expect((await waiting).ended).toBe("ECONNRESET")
  expect(await ask(proxy.port, "again")).toMatchObject({ answer: "again", ended: undefined })
})

it("resets whoever comes, and whoever is there", async () => {
  const { proxy } = await echo({})
  const open = connect(proxy.port, "127.0.0.1")
  await once(open, "connect")
  const lost = once(open, "error")
  await new Promise((resolve) => setTimeout(resolve, 20))
  proxy.suffer({ refuse: true })
  expect((await lost)[0]).toMatchObject({ code: "ECONNRESET" })
  expect((await ask(proxy.port, "anybody?")).ended).toBe("ECONNRESET")
})

it("cuts a reply after the server has done what it was asked", async () => {
  const { proxy, reached } = await echo({ cutReply: 1 })
  const { answer, ended } = await ask(proxy.port, "count me once")
  expect(reached()).toBe("count me once")
  expect("count me once".startsWith(answer)).toBe(true)
  expect(answer).not.toBe("count me once")
  expect(ended).toBe("ECONNRESET")
  expect(proxy.cuts).toBe(1)
})
