import type { Metrics } from "../metrics.ts"
import type { OperationHandler } from "../operation-handler.ts"

/** State of one part of the gateway. A part that isn't ready keeps the whole from being ready only where it is `required`. */
export interface PartState {
  readonly ready: boolean
  readonly required: boolean
  readonly detail?: string
}

/** States of parts by name. */
export type PartStates = Readonly<Record<string, PartState>>

/** States of all parts, read when asked. */
export type ReadParts = () => PartStates | Promise<PartStates>

const NO_STORE = { "cache-control": "no-store" }

/** `GET /healthz`: the process answers. */
export const healthzRoute: OperationHandler = () => Response.json({ status: "ok" }, { headers: NO_STORE })

/** `GET /healthcheck`: what load balancers of plain predictors ask for. */
export const healthcheckRoute: OperationHandler = () => Response.json({ health: "ok" }, { headers: NO_STORE })

/** `GET /readyz`: 200 when traffic may come, 503 when not (starting or draining), with every part. */
export function readyzRoute(readParts: ReadParts): OperationHandler {
  return async () => {
    const parts = await readParts()
    const ready = Object.values(parts).every((part) => part.ready || !part.required)
    return Response.json({ ready, parts }, { status: ready ? 200 : 503, headers: NO_STORE })
  }
}

/** `GET /metrics`: in the text format of Prometheus. */
export function metricsRoute(metrics: Metrics): OperationHandler {
  return async () =>
    new Response((await metrics.exposition()) as Uint8Array<ArrayBuffer>, {
      headers: { ...NO_STORE, "content-type": metrics.registry.contentType },
    })
}
