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
import { OPERATIONS, type OperationId } from "./contract/operations.ts"
import { CrossOrigin } from "./cross-origin.ts"
import type { Metrics } from "./metrics.ts"
import { bodyReader, type OperationHandler } from "./operation-handler.ts"
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
import { healthcheckRoute, healthzRoute, metricsRoute, type ReadParts, readyzRoute } from "./routes/health.ts"
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
type MountedOperation = (typeof OPERATIONS)[number]

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

  /** Mounts the operations of one path; any other method is answered 405 with Allow. */
  const mount = (path: string, operations: readonly MountedOperation[]): void => {
    const allow = operations
      .map(({ method }) => method.toUpperCase())
      .filter((method) => method !== "OPTIONS")
      .sort()
      .join(", ")
    const refuse: Refuse = (c) => {
      if (crossOrigin.isPreflight(c)) return identify(c, fail(c, new GatewayError("origin_not_allowed")))
      metrics.answeredProblem("method_not_allowed")
      const error = new GatewayError("method_not_allowed", { detail: `Allowed here: ${allow}.` })
      return identify(c, problemResponse(error, { allow }))
    }
    const routed = path.replaceAll(/\{(\w+)\}/g, ":$1")
    for (const operation of operations) {
      const isPreflight = operation.method === "options"
      const handler = isPreflight ? preflight(operation, refuse) : timed(routed, operation, refuse)
      app.on(operation.method.toUpperCase(), routed, handler)
    }
    app.all(routed, refuse)
  }

  /** A browser's question whether it may send a request; any other OPTIONS is not a method of the path. */
  const preflight = ({ id, request }: MountedOperation, refuse: Refuse): Handler => {
    const readBody = bodyReader(request, deps.readBytes)
    return async (c) => {
      if (!crossOrigin.isPreflight(c)) return refuse(c)
      try {
        return identify(c, await handlers[id](c, readBody))
      } catch (error) {
        return identify(c, fail(c, error))
      }
    }
  }

  const timed = (path: string, { id, tag, permission, request }: MountedOperation, refuse: Refuse): Handler => {
    const handle = handlers[id]
    const readBody = bodyReader(request, deps.readBytes)
    const takesPostbacks = tag === "Reward"
    const answer = async (c: Context): Promise<Response> => {
      const startedMs = clock.monotonicMs()
      try {
        // Hono runs GET handlers for HEAD; a HEAD must not count a reward.
        if (takesPostbacks && c.req.method === "HEAD") return refuse(c)
        // A postback that is too long has a token that is too long: its route says so.
        if (!takesPostbacks && c.req.url.length > MAX_URL_LENGTH) throw new GatewayError("uri_too_long")
        if (permission !== undefined) deps.authorize(c, permission)
        return identify(c, await handle(c, readBody))
      } catch (error) {
        return identify(c, fail(c, error))
      } finally {
        metrics.observe(path, (clock.monotonicMs() - startedMs) / 1000)
      }
    }
    if (!takesPostbacks) return answer
    return async (c) => {
      const response = await answer(c)
      crossOrigin.share(c, response)
      return response
    }
  }

  const handlers = createHandlers(deps, crossOrigin)
  for (const [path, operations] of Map.groupBy(OPERATIONS, ({ path }) => path)) mount(path, operations)

  app.notFound((c) =>
    identify(
      c,
      fail(c, new GatewayError("not_found", { detail: "There is nothing at this path. See /openapi.json." })),
    ),
  )
  app.onError((error, c) => identify(c, fail(c, error)))
  return app
}

/** What answers each operation: whoever adds one to the contract has to say so here, and the other way round. */
function createHandlers(deps: AppDeps, crossOrigin: CrossOrigin): Readonly<Record<OperationId, OperationHandler>> {
  const predict = predictRoute(deps)
  return {
    predict,
    predictFor: predict,
    reward: postRewardRoute(deps),
    rewardPreflight: (c) => crossOrigin.preflight(c),
    rewardPostback: getRewardRoute(deps),
    rewardPixel: getRewardPixelRoute(deps),
    listExperiments: listExperimentsRoute(deps),
    readExperiment: readExperimentRoute(deps),
    readStatistics: statisticsRoute(deps),
    readAllocation: allocationRoute(deps),
    explainChoice: explainRoute(deps),
    root: rootRoute,
    healthz: healthzRoute,
    readyz: readyzRoute(deps.readParts),
    healthcheck: healthcheckRoute,
    metrics: metricsRoute(deps.metrics),
    openapi: openApiRoute(deps.compress),
    docs: docsRoute(deps.compress),
    problem: problemPageRoute(deps.compress),
  }
}
