import { type Context, type Handler, Hono } from "hono"
import type { PredictCommand, Prediction } from "../app/predict.ts"
import type { RewardCommand, RewardReceipt } from "../app/reward.ts"
import type { ServedExperiments } from "../app/served-experiments.ts"
import { GatewayError } from "../domain/errors.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { Authorize } from "./authorize.ts"
import { callContextOf, readRequestId } from "./call-context.ts"
import { CrossOrigin } from "./cross-origin.ts"
import type { Metrics } from "./metrics.ts"
import { problemResponse } from "./problem.ts"
import type { ReadBytes } from "./read-body.ts"
import { docsRoute, openApiRoute, problemPageRoute, rootRoute } from "./routes/docs.ts"
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
import type { Compress } from "./static-answer.ts"

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
  readonly compress?: Compress | undefined
  /** Origins of the pages that may post rewards; none when left out. */
  readonly rewardOrigins?: readonly string[] | undefined
}

const MAX_URL_LENGTH = 4096

type Refuse = (c: Context) => Response

/** The application: builds, never listens, reads no environment. */
export function createApp(deps: AppDeps): Hono {
  const app = new Hono()
  const { metrics, clock, logger } = deps
  const crossOrigin = new CrossOrigin(deps.rewardOrigins ?? [])

  const fail = (c: Context, error: unknown): Response => {
    if (error instanceof GatewayError) {
      metrics.answeredProblem(error.code)
      if (error.cause !== undefined && error.code === "backend_failed") {
        logger.warn(
          {
            ...callContextOf(c).logged,
            code: error.code,
            error: error.cause instanceof Error ? error.cause.message : "unknown",
          },
          "no variant answered",
        )
      }
      return problemResponse(error)
    }
    logger.error(
      { ...callContextOf(c).logged, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
      "unexpected error",
    )
    metrics.answeredProblem("internal")
    return problemResponse(new GatewayError("internal"))
  }

  /** Gives the answer the id that its caller gave the request; a problem gets one in any case, to ask us about it. */
  const identify = (c: Context, response: Response): Response => {
    const given = readRequestId(c.req.header("x-request-id"))
    if (given !== undefined || response.status >= 400) {
      response.headers.set("x-request-id", given ?? callContextOf(c).requestId)
    }
    return response
  }

  /** Registers one path with its methods; any other method is answered 405 with Allow. */
  const serve = (path: string, handlers: Readonly<Partial<Record<"GET" | "POST", Handler>>>): void => {
    const allow = Object.keys(handlers).join(", ")
    const refuse: Refuse = (c) => {
      if (crossOrigin.isPreflight(c)) return identify(c, fail(c, new GatewayError("origin_not_allowed")))
      metrics.answeredProblem("method_not_allowed")
      const error = new GatewayError("method_not_allowed", { detail: `Allowed here: ${allow}.` })
      return identify(c, problemResponse(error, { allow }))
    }
    for (const [method, handler] of Object.entries(handlers)) app.on(method, path, timed(path, handler, refuse))
    if (path === "/reward") app.options(path, (c) => (crossOrigin.isPreflight(c) ? preflight(c) : refuse(c)))
    app.all(path, refuse)
  }

  const preflight = (c: Context): Response => {
    try {
      return identify(c, crossOrigin.preflight(c))
    } catch (error) {
      return identify(c, fail(c, error))
    }
  }

  const timed = (path: string, handler: Handler, refuse: Refuse): Handler => {
    const takesPostbacks = path.startsWith("/reward")
    const answer = async (c: Context, next: () => Promise<void>): Promise<Response> => {
      const startedMs = clock.monotonicMs()
      try {
        // Hono runs GET handlers for HEAD; a HEAD must not count a reward.
        if (takesPostbacks && c.req.method === "HEAD") return refuse(c)
        // A postback that is too long has a token that is too long: its route says so.
        if (!takesPostbacks && c.req.url.length > MAX_URL_LENGTH) throw new GatewayError("uri_too_long")
        return identify(c, (await handler(c, next)) as Response)
      } catch (error) {
        return identify(c, fail(c, error))
      } finally {
        metrics.observe(path, (clock.monotonicMs() - startedMs) / 1000)
      }
    }
    if (!takesPostbacks) return answer
    return async (c, next) => {
      const response = await answer(c, next)
      crossOrigin.share(c, response)
      return response
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
  serve("/", { GET: rootRoute })
  serve("/openapi.json", { GET: openApiRoute(deps.compress) })
  serve("/docs", { GET: docsRoute(deps.compress) })
  serve("/problems/:slug", { GET: problemPageRoute(deps.compress) })

  app.notFound((c) =>
    identify(
      c,
      fail(c, new GatewayError("not_found", { detail: "There is nothing at this path. See /openapi.json." })),
    ),
  )
  app.onError((error, c) => identify(c, fail(c, error)))
  return app
}

function metricsRoute({ metrics, authorize }: AppDeps): Handler {
  return async (c) => {
    authorize(c, "read")
    return new Response((await metrics.exposition()) as Uint8Array<ArrayBuffer>, {
      headers: { "content-type": metrics.registry.contentType, "cache-control": "no-store" },
    })
  }
}
