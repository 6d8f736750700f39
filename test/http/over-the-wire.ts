import { once } from "node:events"
import { request as httpRequest, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { buffer } from "node:stream/consumers"
import { createNodeServer } from "#src/entry/node-server.ts"
import type { Application } from "#src/http/application.ts"

/** Mounts an application on Node's server, and sends it requests as fetch would, with any header and any body. */
export async function askOverTheWire(
  application: Application,
): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const server = createNodeServer(application)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  // Every request has a connection of its own, so an idle server holds nothing but its port.
  server.unref()
  const { port } = server.address() as AddressInfo
  return async (path, init = {}) => {
    const headers = Object.fromEntries(new Headers(init.headers))
    const asked = httpRequest({ port, path, method: init.method ?? "GET", headers, agent: false })
    asked.end(await bytesOf(init.body))
    const [answer] = (await once(asked, "response")) as [IncomingMessage]
    const body = await buffer(answer)
    const fields = new Headers(
      Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
        values.map((value): [string, string] => [name, value]),
      ),
    )
    const status = answer.statusCode ?? 0
    return new Response(status === 204 || status === 304 ? null : body, { status, headers: fields })
  }
}

async function bytesOf(body: RequestInit["body"]): Promise<Uint8Array> {
  return new Uint8Array(await new Response(body ?? null).arrayBuffer())
}
