import type { AddressInfo } from "node:net"
import { connect } from "node:net"
import { expect, it, onTestFinished } from "vitest"
import { IncomingBodies } from "#src/entry/incoming-body.ts"
import { createNodeServer } from "#src/entry/node-server.ts"
import { createTestGateway } from "./gateway.ts"
import { exchange } from "./raw-exchange.ts"

const HEAD = "POST /reward HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
const REWARDS = JSON.stringify(
  Array.from({ length: 1000 }, (_, i) => ({ decision: `v1.forged.${i}${"x".repeat(150)}` })),
)
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

async function serve(sharedBytes?: number) {
  const bodies = new IncomingBodies(sharedBytes)
  const gateway = await createTestGateway()
  const server = createNodeServer(gateway.application, { bodies })
  await new Promise<void>((settle) => server.listen(0, "127.0.0.1", settle))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((settle) => server.close(settle))
  })
  return { gateway, bodies, port: (server.address() as AddressInfo).port }
}

async function statusOf(port: number, head: string, ...parts: string[]): Promise<number | undefined> {
  const [answer] = await exchange(port, { chunks: [head, ...parts] })
  return answer?.status
}

it("reads a large body whole, however it is cut", async () => {
  const { port } = await serve()
  expect(REWARDS.length).toBeGreaterThan(150_000)
  const declared = `${HEAD}Content-Length: ${REWARDS.length}\r\n\r\n`
  const chunked = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`
  expect(await statusOf(port, declared, REWARDS)).toBe(207)
  expect(await statusOf(port, declared, ...(REWARDS.match(/.{1,1000}/gs) ?? []))).toBe(207)
  expect(await statusOf(port, chunked, ...(REWARDS.match(/.{1,1000}/gs) ?? []).map(chunk), "0\r\n\r\n")).toBe(207)
  const small = '{"decision":"forged"}'
  expect(await statusOf(port, chunked, ...small.split("").map(chunk), "0\r\n\r\n")).toBe(403)
  expect(await statusOf(port, `${HEAD}Content-Length: 0\r\n\r\n`)).toBe(400)
})

it("refuses a body in more pieces than an honest one has", async () => {
  const { port } = await serve()
  const head = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`
  expect(await statusOf(port, head, chunk(" ").repeat(4097))).toBe(413)
  expect(await statusOf(port, head, chunk(" ").repeat(4000), chunk('{"decision":"forged"}'), "0\r\n\r\n")).toBe(403)
})

it("refuses large bodies while others hold all that there is for them, small ones never", async () => {
  const { bodies, port } = await serve(300_000)
  const held = connect(port, "127.0.0.1")
  onTestFinished(() => void held.destroy())
  held.on("error", () => held.destroy())
  held.write(`${HEAD}Content-Length: 1000000\r\n\r\n${" ".repeat(150_000)}`)
  const declared = `${HEAD}Content-Length: ${REWARDS.length}\r\n\r\n`
  await expect.poll(() => statusOf(port, declared, REWARDS)).toBe(503)
  expect(bodies.counts.refused).toBeGreaterThan(0)
  const small = '{"decision":"forged"}'
  expect(await statusOf(port, `${HEAD}Content-Length: ${small.length}\r\n\r\n`, small)).toBe(403)
  held.resetAndDestroy()
  await expect.poll(() => statusOf(port, declared, REWARDS)).toBe(207)
})

it.each([
  ["of declared length", `${HEAD}Content-Length: 100\r\n\r\n{`],
  ["of chunks", `${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunk("[{")}`],
  ["before its first byte", `${HEAD}Content-Length: 100\r\n\r\n`],
])("a body broken off, %s, is counted and logged as nothing", async (_what, text) => {
  const { gateway, bodies, port } = await serve()
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => socket.destroy())
  socket.write(text, () => setTimeout(() => socket.resetAndDestroy(), 20))
  await expect.poll(() => bodies.counts.aborted).toBe(1)
  await expect.poll(async () => await (await gateway.request("/metrics")).text()).toContain('code="bad_request"} 1')
  expect(gateway.logger.messages.filter((message) => /^(error|warn)/.test(message))).toEqual([])
})
