import type { Handler } from "hono"

/** State of one part of the gateway. A part that isn't ready keeps the whole from being ready only where it is `required`. */
export interface PartState {
  readonly ready: boolean
  readonly required: boolean
  readonly detail?: string
}

/** States of all parts by name, read when asked. */
export type ReadParts = () => Readonly<Record<string, PartState>>

const NO_STORE = { "cache-control": "no-store" }

/** `GET /healthz`: the process answers. */
export const healthzRoute: Handler = () => Response.json({ status: "ok" }, { headers: NO_STORE })

/** `GET /healthcheck`: what load balancers of plain predictors ask for. */
export const healthcheckRoute: Handler = () => Response.json({ health: "ok" }, { headers: NO_STORE })

/** `GET /readyz`: 200 when traffic may come, 503 when not (starting or draining), with every part. */
export function readyzRoute(readParts: ReadParts): Handler {
  return () => {
    const parts = readParts()
    const ready = Object.values(parts).every((part) => part.ready || !part.required)
    return Response.json({ ready, parts }, { status: ready ? 200 : 503, headers: NO_STORE })
  }
}
