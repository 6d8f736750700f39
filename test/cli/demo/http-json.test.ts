import { createServer, type RequestListener } from "node:http"
import { expect, it } from "vitest"
import { JsonOverHttp } from "#src/cli/demo/http-json.ts"

async function against(listener: RequestListener, use: (http: JsonOverHttp) => Promise<void>): Promise<void> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the server has no port")
  const http = new JsonOverHttp(`http://127.0.0.1:${address.port}`, 2)
  try {
    await use(http)
  } finally {
    http.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

it("posts JSON and reads JSON, over one connection", async () => {
  const sockets = new Set<unknown>()
  const echo: RequestListener = (request, response) => {
    sockets.add(request.socket)
    let text = ""
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString()
    })
    request.on("end", () => {
      const { method, url, headers } = request
      const body: unknown = text === "" ? null : JSON.parse(text)
      response.end(JSON.stringify({ method, url, type: headers["content-type"], body }))
    })
  }
  await against(echo, async (http) => {
    expect(await http.post("/a", { x: "é" })).toEqual({
      method: "POST",
      url: "/a",
      type: "application/json",
      body: { x: "é" },
    })
    expect(await http.get("/b?c=d")).toMatchObject({ method: "GET", url: "/b?c=d", body: null })
    expect(sockets.size).toBe(1)
  })
})

it("says what a refusal said", async () => {
  const refuse: RequestListener = (_, response) => response.writeHead(422).end('{"detail":"no"}')
  await against(refuse, async (http) => {
    await expect(http.post("/predict", {})).rejects.toThrow('the gateway answered 422 to /predict: {"detail":"no"}')
  })
})

it("fails when the connection breaks, before an answer or inside it", async () => {
  await against(
    (request) => request.socket.destroy(),
    (http) => expect(http.get("/")).rejects.toThrow(/hang up|ECONNRESET/),
  )
  const half: RequestListener = (_, response) => {
    response.writeHead(200, { "content-length": 100 })
    response.write("{", () => response.destroy())
  }
  await against(half, (http) => expect(http.get("/")).rejects.toThrow(/aborted|ECONNRESET/))
})

it("fails on an answer that is not JSON", async () => {
  const html: RequestListener = (_, response) => response.end("<html>")
  await against(html, (http) => expect(http.get("/")).rejects.toThrow(SyntaxError))
})
