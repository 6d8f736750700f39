import bannerCtr from "../../examples/experiments/banner-ctr.yaml"
import prefixedModel from "../../examples/models/ctr-prefixed/model.json" with { type: "json" }
import prefixedWeights from "../../examples/models/ctr-prefixed/weights.bin"
import rawModel from "../../examples/models/ctr-raw/model.json" with { type: "json" }
import rawWeights from "../../examples/models/ctr-raw/weights.bin"
import { ConfigError } from "../config.ts"
import { GatewayError } from "../domain/errors.ts"
import { toResponse } from "../http/hono.ts"
import { problemAnswer } from "../http/problem.ts"
import { createBundledGateway } from "./bundled-gateway.ts"

/** Secrets and variables of the Worker: `wrangler secret put SIGNING_KEYS`, and so for UNIT_KEY and API_KEYS. */
interface Env {
  readonly SIGNING_KEYS?: string
  readonly UNIT_KEY?: string
  readonly API_KEYS?: string
  /** `true` under `wrangler dev` only: serve without keys and with a signing key of this isolate's own. */
  readonly INSECURE_LOCAL?: string
}

type BundledGateway = Awaited<ReturnType<typeof createBundledGateway>>

/** One gateway per isolate, made at the first request: a Worker's random numbers and timers are only there inside one. */
let gateway: Promise<BundledGateway> | undefined

export default {
  async fetch(request: Request, env: Env, executionContext: ExecutionContext): Promise<Response> {
    gateway ??= createBundledGateway({
      settings: { SIGNING_KEYS: env.SIGNING_KEYS, UNIT_KEY: env.UNIT_KEY, API_KEYS: env.API_KEYS },
      insecureLocal: env.INSECURE_LOCAL === "true",
      documents: [{ file: "banner-ctr.yaml", text: bannerCtr }],
      artifacts: [
        { document: rawModel, weights: new Uint8Array(rawWeights) },
        { document: prefixedModel, weights: new Uint8Array(prefixedWeights) },
      ],
    })
    try {
      const { app, afterRequest } = await gateway
      const response = app.fetch(request, env, executionContext)
      // Also for a caller who leaves before the answer: its decision was made, and is logged.
      executionContext.waitUntil(Promise.resolve(response).then(afterRequest))
      return await response
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      console.error(JSON.stringify({ level: "error", message: "not configured", problems: error.problems }))
      return toResponse(problemAnswer(new GatewayError("not_configured")))
    }
  },
} satisfies ExportedHandler<Env>
