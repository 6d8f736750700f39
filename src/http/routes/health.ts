import { jsonAnswer } from "../call.ts"
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

/** `GET /healthz`: the process answers. */
export const healthzRoute: OperationHandler = () => jsonAnswer({ status: "ok" })

/** `GET /healthcheck`: what load balancers of plain predictors ask for. */
export const healthcheckRoute: OperationHandler = () => jsonAnswer({ health: "ok" })

/** `GET /readyz`: 200 when traffic may come, 503 when not (starting or draining), with every part. */
export function readyzRoute(readParts: ReadParts): OperationHandler {
  return async () => {
    const parts = await readParts()
    const ready = Object.values(parts).every((part) => part.ready || !part.required)
    return jsonAnswer({ ready, parts }, ready ? 200 : 503)
  }
}

/** `GET /metrics`: in the text format of Prometheus. */
export function metricsRoute(metrics: Metrics): OperationHandler {
  const headers = { "cache-control": "no-store", "content-type": metrics.registry.contentType }
  return async () => ({ status: 200, headers, body: await metrics.exposition() })
}
