import { type Handler, Hono } from "hono"
import type { PredictCommand, Prediction } from "../app/predict.ts"
import type { RewardCommand, RewardReceipt } from "../app/reward.ts"
import type { ServedExperiments } from "../app/served-experiments.ts"
import { GatewayError } from "../domain/errors.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { Authorize } from "./authorize.ts"
import type { Metrics } from "./metrics.ts"
import { problemResponse } from "./problem.ts"
import type { ReadBytes } from "./read-body.ts"
import { docsRoute, openApiRoute, problemPageRoute } from "./routes/docs.ts"
import {
  allocationRoute,
  explainRoute,
  listExperimentsRoute,
  readExperimentRoute,
  statisticsRoute,
} from "./routes/experiments.ts"
import { healthcheckRoute, healthzRoute, type ReadParts, readyzRoute } from "./routes/health.ts"
import { predictRoute } from "./routes/predict.ts"
import { getRewardPixelRoute, getRewardRoute, postRewardRoute } from "./routes/reward.ts"

/** Everything the HTTP layer needs, built once per process or isolate by an entry. */
export interface AppDeps {
  readonly experiments: ServedExperiments
  readonly predict: (command: PredictCommand) => Promise<Prediction>
  readonly reward: (commands: readonly RewardCommand[]) => Promise<(RewardReceipt | GatewayError)[]>
  readonly counters: CounterStore
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly authorize: Authorize
  readonly readParts: ReadParts
  readonly readBytes: ReadBytes
}

const MAX_URL_LENGTH = 4096

/** The application: builds, never listens, reads no environment. */
export function createApp(deps: AppDeps): Hono {
  const app = new Hono()
  const { metrics, clock, logger } = deps

  const fail = (error: unknown): Response => {
    if (error instanceof GatewayError) {
      metrics.answeredProblem(error.code)
      if (error.cause !== undefined && error.code === "backend_failed") {
        logger.warn(
          { code: error.code, error: error.cause instanceof Error ? error.cause.message : "unknown" },
          "no variant answered",
        )
      }
      return problemResponse(error)
    }
    logger.error({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, "unexpected error")
    metrics.answeredProblem("internal")
    return problemResponse(new GatewayError("internal"))
  }

  /** Registers one path with its methods; any other method is answered 405 with Allow. */
  const serve = (path: string, handlers: Readonly<Partial<Record<"GET" | "POST", Handler>>>): void => {
    const allow = Object.keys(handlers).join(", ")
    const refuse = (): Response => {
      metrics.answeredProblem("method_not_allowed")
      return problemResponse(new GatewayError("method_not_allowed", { detail: `Allowed here: ${allow}.` }), { allow })
    }
    for (const [method, handler] of Object.entries(handlers)) app.on(method, path, timed(path, handler, refuse))
    app.all(path, refuse)
  }

  const timed = (path: string, handler: Handler, refuse: () => Response): Handler => {
    const takesPostbacks = path.startsWith("/reward")
    return async (c, next) => {
      const startedMs = clock.monotonicMs()
      try {
        // Hono runs GET handlers for HEAD; a HEAD must not count a reward.
        if (takesPostbacks && c.req.method === "HEAD") return refuse()
        // A postback that is too long has a token that is too long: its route says so.
        if (!takesPostbacks && c.req.url.length > MAX_URL_LENGTH) throw new GatewayError("uri_too_long")
        return (await handler(c, next)) as Response
      } catch (error) {
        return fail(error)
      } finally {
        metrics.observe(path, (clock.monotonicMs() - startedMs) / 1000)
      }
    }
  }

  const predict = predictRoute(deps)
  serve("/predict", { POST: predict })
  serve("/predict/:experiment", { POST: predict })
  serve("/reward", { GET: getRewardRoute(deps), POST: postRewardRoute(deps) })
  serve("/reward.gif", { GET: getRewardPixelRoute(deps) })

  serve("/admin/experiments", { GET: listExperimentsRoute(deps) })
  serve("/admin/experiments/:experiment", { GET: readExperimentRoute(deps) })
  serve("/admin/experiments/:experiment/stats", { GET: statisticsRoute(deps) })
  serve("/admin/experiments/:experiment/allocation", { GET: allocationRoute(deps) })
  serve("/admin/experiments/:experiment/explain", { GET: explainRoute(deps) })

  serve("/healthz", { GET: healthzRoute })
  serve("/healthcheck", { GET: healthcheckRoute })
  serve("/readyz", { GET: readyzRoute(deps.readParts) })
  serve("/metrics", { GET: metricsRoute(deps) })
  serve("/openapi.json", { GET: openApiRoute })
  serve("/docs", { GET: docsRoute })
  serve("/problems/:slug", { GET: problemPageRoute })

  app.notFound(() =>
    fail(new GatewayError("not_found", { detail: "There is nothing at this path. See /openapi.json." })),
  )
  app.onError((error) => fail(error))
  return app
}

function metricsRoute({ metrics, authorize }: AppDeps): Handler {
  return async (c) => {
    authorize(c, "read")
    return new Response(await metrics.registry.metrics(), {
      headers: { "content-type": metrics.registry.contentType, "cache-control": "no-store" },
    })
  }
}
