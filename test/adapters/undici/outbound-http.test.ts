import { expect, it, onTestFinished } from "vitest"
import { createOutboundHttp, type OutboundOptions } from "#src/adapters/undici/outbound-http.ts"
import type { OutboundRequest } from "#src/ports/outbound-http.ts"
import { startLocalServer, startTcpServer } from "#test/local-server.ts"

const REQUEST: OutboundRequest = { method: "POST", path: "/a?b=1", headers: { "x-a": "1" }, body: "hello" }

function outboundTo(origin: string, options: Partial<OutboundOptions> = {}) {
  const outbound = createOutboundHttp({ origin, connections: 2, maxAnswerBytes: 1024, ...options })
  onTestFinished(() => outbound.close())
  return outbound
}

it("sends what it is given and returns status, headers and all bytes", async () => {
  const { origin, asked } = await startLocalServer((_, response) => {
    response.writeHead(418, { "x-b": ["2", "3"] })
    response.write("an ")
    setTimeout(() => response.end("answer"), 5)
  })
  const result = await outboundTo(origin).send(REQUEST, 5_000)
  expect(result).toMatchObject({ ok: true, answer: { status: 418, headers: { "x-b": "2, 3" } } })
  expect(result.ok && Buffer.from(result.answer.bytes).toString()).toBe("an answer")
  expect(asked).toMatchObject([{ method: "POST", path: "/a?b=1", headers: { "x-a": "1", "content-length": "5" } }])
  expect(asked[0]?.body.toString()).toBe("hello")
})

it("keeps its connections", async () => {
  const { origin, server } = await startLocalServer((_, response) => void response.end())
  let connections = 0
  server.on("connection", () => connections++)
  const outbound = outboundTo(origin)
  for (let i = 0; i < 9; i++) expect(await outbound.send(REQUEST, 5_000)).toMatchObject({ ok: true })
  expect(connections).toBeLessThanOrEqual(2)
})

it("follows no redirect", async () => {
  const elsewhere = await startLocalServer((_, response) => void response.end())
  for (const status of [301, 302, 303, 307, 308]) {
    const { origin } = await startLocalServer((_, response) => {
      response.writeHead(status, { location: `${elsewhere.origin}/` }).end()
    })
    expect(await outboundTo(origin).send(REQUEST, 5_000)).toMatchObject({ ok: true, answer: { status } })
  }
  expect(elsewhere.asked).toEqual([])
})

it("takes no more bytes than it may, announced or not", async () => {
  for (const length of [{ "content-length": "10737418240" }, {}]) {
    const { origin } = await startLocalServer((_, response) => {
      response.writeHead(200, length as Record<string, string>)
      const timer = setInterval(() => response.write("x".repeat(512)), 1)
      response.on("close", () => clearInterval(timer))
    })
    expect(await outboundTo(origin).send(REQUEST, 5_000)).toMatchObject({ ok: false, failure: "too_large" })
  }
})

it("tells by what failed whether anything was sent and whether anything came", async () => {
  const nobody = await startTcpServer((socket) => socket.destroy())
  const silent = await startTcpServer((socket) => socket.once("data", () => socket.destroy()))
  const torn = await startTcpServer((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")),
  )
  const garbage = await startTcpServer((socket) => socket.once("data", () => socket.end("220 smtp ready\r\n")))
  const failures = await Promise.all(
    ["http://127.0.0.1:1", silent.origin, torn.origin, garbage.origin].map(async (origin) => {
      const result = await outboundTo(origin).send(REQUEST, 5_000)
      return result.ok ? "answered" : result.failure
    }),
  )
  expect(failures).toEqual(["unreachable", "reset", "broken", "broken"])
  expect(await outboundTo(nobody.origin).send(REQUEST, 5_000)).toMatchObject({ ok: false })
})

it("settles when its time is over, while it waits for a connection and while it waits for the answer", async () => {
  const { origin } = await startTcpServer(() => {})
  const outbound = outboundTo(origin, { connections: 1 })
  for (const result of await Promise.all([outbound.send(REQUEST, 20), outbound.send(REQUEST, 20)])) {
    expect(result).toMatchObject({ ok: false, failure: "late" })
  }
})

it("dials no address that a name must not have, however often the name changes", async () => {
  const { port, asked } = await startLocalServer((_, response) => {
    response.writeHead(200, { connection: "close" }).end()
  })
  const addresses = ["127.0.0.1", "169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0"]
  let look = 0
  const outbound = outboundTo(`http://model.example:${port}`, {
    resolve: (_name, _options, done) => {
      const address = addresses[look++ % addresses.length] as string
      done(null, [{ address, family: address.includes(":") ? 6 : 4 }])
    },
  })
  const results = []
  for (const _ of addresses) results.push(await outbound.send(REQUEST, 5_000))
  expect(results.map((result) => (result.ok ? result.answer.status : result.failure))).toEqual([
    200,
    ...Array.from({ length: 4 }, () => "unreachable"),
  ])
  expect(asked).toHaveLength(1)
})

it("is not made for an address that is never dialled", () => {
  expect(() => outboundTo("http://169.254.169.254:80")).toThrow("link-local")
  expect(() => outboundTo("http://[fd00:ec2::254]:80")).toThrow("metadata")
})
