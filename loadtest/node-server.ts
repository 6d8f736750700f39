import { freePort, type ServerProcess, startServer } from "./server-process.ts"

/** A bare `node:http` server that reads the request and answers a constant: what it can't reach, nothing on Node can. */
export async function startNodeEcho(core: number): Promise<ServerProcess> {
  const port = await freePort()
  const command = ["taskset", "-c", String(core), process.execPath, "loadtest/node-echo.ts", String(port)]
  return await startServer(command, port, "/")
}
