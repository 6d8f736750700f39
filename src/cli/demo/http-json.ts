import { Agent, type IncomingMessage, request } from "node:http"

/** JSON over connections that stay open. `fetch` would take more of a small machine than the gateway that is being shown. */
export class JsonOverHttp {
  readonly #address: string
  readonly #agent: Agent

  constructor(address: string, connections: number) {
    this.#address = address
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /** @throws Error on any status but 2xx, with the path and the answer's text */
  get(path: string): Promise<unknown> {
    return this.#send("GET", path, undefined)
  }

  /** @throws Error on any status but 2xx, with the path and the answer's text */
  post(path: string, body: unknown): Promise<unknown> {
    return this.#send("POST", path, JSON.stringify(body))
  }

  close(): void {
    this.#agent.destroy()
  }

  async #send(method: string, path: string, body: string | undefined): Promise<unknown> {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) }
    const headers = { "content-type": "application/json", ...length }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(this.#address + path, { method, agent: this.#agent, headers }, resolve)
      sent.on("error", reject)
      sent.end(body)
    })
    let text = ""
    for await (const chunk of response.setEncoding("utf8")) text += String(chunk)
    const status = response.statusCode ?? 0
    if (status < 200 || status >= 300) throw new Error(`the gateway answered ${status} to ${path}: ${text}`)
    return JSON.parse(text)
  }
}
