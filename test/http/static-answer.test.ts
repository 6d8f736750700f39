import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { compressOnThreads } from "#src/entry/compress.ts"
import { createTestGateway } from "./gateway.ts"

const PATHS = ["/openapi.json", "/docs", "/problems/token-invalid"]

describe("given a runtime that compresses", async () => {
  const gateway = await createTestGateway({ compress: compressOnThreads })
  const get = (path: string, headers: Record<string, string> = {}) => gateway.request(path, { headers })

  it.each(PATHS)("%s is the same text in each coding, and much smaller", async (path) => {
    const plain = await get(path)
    const text = await plain.text()
    expect(plain.headers.has("content-encoding")).toBe(false)
    for (const [coding, unpack] of [
      ["br", brotliDecompressSync],
      ["gzip", gunzipSync],
    ] as const) {
      const response = await get(path, { "accept-encoding": coding })
      expect(response.headers.get("content-encoding")).toBe(coding)
      expect(response.headers.get("vary")).toBe("accept-encoding")
      const bytes = new Uint8Array(await response.arrayBuffer())
      expect(unpack(bytes).toString()).toBe(text)
      expect(bytes.length).toBeLessThan(text.length / 1.8)
    }
  })

  it.each([
    ["gzip, deflate, br", "br"],
    ["gzip;q=1, br;q=0.5", "gzip"],
    ["GZIP", "gzip"],
    ["*", "br"],
    ["br;q=0, *", "gzip"],
    ["gzip;q=0, br;q=0", null],
    ["identity, gzip;q=0.5", null],
    ["zstd", null],
    ["", null],
    ["br;q=oops", null],
  ])("Accept-Encoding %j is answered with %j", async (accepted, coding) => {
    expect((await get("/openapi.json", { "accept-encoding": accepted })).headers.get("content-encoding")).toBe(coding)
  })

  it("a client that has it already is told so, for each coding by its own tag", async () => {
    const tags = new Set<string>()
    for (const coding of ["identity", "gzip", "br"]) {
      const etag = (await get("/docs", { "accept-encoding": coding })).headers.get("etag") ?? ""
      tags.add(etag)
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
        const response = await get("/docs", { "accept-encoding": coding, "if-none-match": known })
        expect([response.status, await response.text(), response.headers.get("etag")]).toEqual([304, "", etag])
      }
      expect((await get("/docs", { "accept-encoding": coding, "if-none-match": '"other"' })).status).toBe(200)
    }
    expect(tags.size).toBe(3)
  })
})

it("given a platform that compresses by itself, answers are left as they are", async () => {
  const { request } = await createTestGateway()
  const response = await request("/docs", { headers: { "accept-encoding": "br, gzip" } })
  expect(response.headers.has("content-encoding")).toBe(false)
  expect(await response.text()).toMatch(/^<!doctype html>/)
})

it("the root tells programs, which accept anything alike, that the server is alive", async () => {
  const { request } = await createTestGateway()
  const alive = await request("/", { headers: { accept: "*/*" } })
  expect([alive.status, await alive.json()]).toEqual([200, { status: "alive" }])
  expect((await request("/", { headers: { accept: "text/html,*/*;q=0.8" } })).status).toBe(302)
})

it("the root leads to the documentation, behind a proxy's prefix too", async () => {
  const { request } = await createTestGateway()
  const response = await request("/")
  expect(response.status).toBe(302)
  const location = response.headers.get("location") ?? ""
  expect(new URL(location, "http://gateway/").pathname).toBe("/docs")
  expect(new URL(location, "http://proxy/prefix/").pathname).toBe("/prefix/docs")
})
