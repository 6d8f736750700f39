import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { createServer as createSocketServer, type Server as SocketServer } from "node:net"
import { GatewayError } from "../domain/errors.ts"

/** Where to listen. Port 0: one that is free. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/**
 * @param shares whether other threads of this process listen on the same port: the system gives each new connection to one of them
 * @returns the port
 * @throws GatewayError `config_invalid` where the address can't be listened on
 */
export async function listen(server: Server | SocketServer, address: ListenAddress, shares = false): Promise<number> {
  const { host, port } = address
  await new Promise<void>((settle, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(
        new GatewayError("config_invalid", {
          detail: `can't listen on ${host}:${port} (${cause.code}). ${adviceOn(cause.code)}`,
          cause,
        }),
      )
    })
    server.listen({ host, port, reusePort: shares }, settle)
  })
  return (server.address() as AddressInfo).port
}

/**
 * Refuses a port that somebody listens on. Threads share theirs, and the system would let another gateway of the same user share it too, with
 * half of the requests.
 *
 * @throws GatewayError `config_invalid`
 */
export async function requireFreePort(address: ListenAddress): Promise<void> {
  const probe = createSocketServer()
  await listen(probe, address)
  await new Promise((settle) => probe.close(settle))
}

/** Stops listening, and settles when the last answer is out; connections that are open after `drainSeconds` are cut. */
export async function stopListening(server: Server, drainSeconds: number): Promise<void> {
  const closed = new Promise<void>((settle) => server.close(() => settle()))
  const forced = setTimeout(() => server.closeAllConnections(), drainSeconds * 1000)
  await closed
  clearTimeout(forced)
}

function adviceOn(code: string | undefined): string {
  if (code === "EADDRINUSE") return "Something listens there already; choose another port: PORT=9000 npm start"
  if (code === "ENOTSUP" || code === "EINVAL")
    return "This system can't share a port between threads: leave THREADS out"
  return "HOST and PORT say where to listen"
}
