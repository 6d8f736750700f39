import { describe, expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { serveHosts } from "#src/http/served-hosts.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { exchange } from "./raw-exchange.ts"

async function start(environment: Record<string, string> = {}): Promise<number> {
  const gateway = await startGateway(
    parseConfig({
      PORT: "0",
      SHUTDOWN_DELAY_SECONDS: "0",
      LOG_LEVEL: "error",
      DATA_DIR: temporaryFolder(),
      ...environment,
    }),
  )
  onTestFinished(() => gateway.stop())
  return Number(new URL(gateway.address).port)
}

async function statusFor(port: number, host: string, path = "/admin/experiments"): Promise<number | undefined> {
  const [answer] = await exchange(port, { chunks: [`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`] })
  return answer?.status
}

const LOOPBACK = [
  "localhost",
  "LOCALHOST:8080",
  "localhost.",
  "a.b.localhost",
  "127.0.0.1:1",
  "127.255.0.1",
  "[::1]:80",
]
const ELSEWHERE = [
  "evil.example",
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "evil-localhost",
  "0.0.0.0",
  "128.0.0.1",
  "[::2]",
  "10.0.0.1:8080",
]

describe("given a gateway without keys", () => {
  it("answers under loopback names alone, whatever is asked", async () => {
    const port = await start()
    for (const host of LOOPBACK) expect([host, await statusFor(port, host)]).toEqual([host, 200])
    for (const host of ELSEWHERE) expect([host, await statusFor(port, host)]).toEqual([host, 421])
    for (const path of ["/", "/healthz", "/docs", "/openapi.json", "/metrics", "/nowhere"]) {
      expect([path, await statusFor(port, "evil.example", path)]).toEqual([path, 421])
    }
    const [refused] = await exchange(port, { chunks: ["GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n"] })
    expect(refused?.headers.get("content-type")).toBe("application/problem+json")
    expect(JSON.parse(refused?.body ?? "")).toMatchObject({
      type: "/problems/misdirected",
      detail: expect.stringMatching(/ALLOWED_HOSTS/),
    })
    expect(refused?.body).not.toMatch(/evil/)
  })

  it("goes by the target where it names a host: that outweighs the Host header", async () => {
    const port = await start()
    const status = async (target: string, host: string) => {
      const [answer] = await exchange(port, { chunks: [`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`] })
      return answer?.status
    }
    expect(await status("http://evil.example/healthz", "localhost")).toBe(421)
    expect(await status("http://localhost@evil.example/healthz", "localhost")).toBe(400)
    expect(await status("http://localhost/healthz", "evil.example")).toBe(200)
  })

  it("remembers no name that it refused, nor answers it after one that it serves", async () => {
    const port = await start()
    const request = (host: string) => `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    const answers = await exchange(port, {
      chunks: [["localhost", "evil.example", "localhost", "evil.example"].map(request).join("")],
      answers: 4,
    })
    expect(answers.map(({ status }) => status)).toEqual([200, 421, 200, 421])
  })

  it("answers under the names of ALLOWED_HOSTS too", async () => {
    const port = await start({ ALLOWED_HOSTS: "gateway.example, other.example:8080" })
    for (const host of ["localhost", "gateway.example", "Gateway.Example:1", "other.example:8080"]) {
      expect([host, await statusFor(port, host)]).toEqual([host, 200])
    }
    for (const host of ["other.example", "other.example:80", "a.gateway.example", "evil.example"]) {
      expect([host, await statusFor(port, host)]).toEqual([host, 421])
    }
  })
})

describe("given a gateway with keys", () => {
  const API_KEYS = "reader:read:secret-of-a-reader"

  it("answers under any name, since a page has no key", async () => {
    const port = await start({ API_KEYS })
    expect(await statusFor(port, "evil.example", "/healthz")).toBe(200)
    expect(await statusFor(port, "evil.example")).toBe(401)
  })

  it("answers under the names of ALLOWED_HOSTS alone where it is set", async () => {
    const port = await start({ API_KEYS, ALLOWED_HOSTS: "gateway.example" })
    expect(await statusFor(port, "gateway.example", "/healthz")).toBe(200)
    expect(await statusFor(port, "evil.example", "/healthz")).toBe(421)
  })
})

it("an address that the connection came to is served: health checks ask so, and no page can have another name for it", () => {
  const judge = serveHosts([])
  expect(judge("10.1.2.3:8080", "10.1.2.3")).toBe("served")
  expect(judge("10.1.2.3:8080", "::ffff:10.1.2.3")).toBe("served")
  expect(judge("[2001:db8::1]", "2001:db8::1")).toBe("served")
  expect(judge("10.1.2.4", "10.1.2.3")).toBe("elsewhere")
  expect(judge("10.1.2.3", undefined)).toBe("elsewhere")
})
