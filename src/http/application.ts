import type { PredictCommand, Prediction } from "../app/predict.ts"
import type { RewardCommand, RewardReceipt } from "../app/reward.ts"
import type { ServedExperiments } from "../app/served-experiments.ts"
import { GatewayError } from "../domain/errors.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { Logger } from "../ports/logger.ts"
import { type AdmissionDeps, admitTo } from "./admission.ts"
import { ANYBODY, type Caller, CallerRefused } from "./authorize.ts"
import { type Answer, type AnswerCall, type Call, withHeaders } from "./call.ts"
import { readRequestId } from "./call-context.ts"
import type { Dialect } from "./contract/dialects/dialect.ts"
import { partitionOf } from "./contract/operation.ts"
import { OPERATIONS, type OperationId } from "./contract/operations.ts"
import { CrossOrigin } from "./cross-origin.ts"
import { createDialectHandlers } from "./dialects/handlers.ts"
import { dialectProblemAnswer } from "./dialects/problem-forms.ts"
import type { Metrics } from "./metrics.ts"
import { bodyReader, type OperationHandler } from "./operation-handler.ts"
import type { Partition } from "./overload/partition.ts"
import { problemAnswer } from "./problem.ts"
import { type AuditRouteDeps, auditRoute } from "./routes/audit.ts"
import { docsRoute, experimentSchemaRoute, openApiRoute, problemPageRoute, rootRoute } from "./routes/docs.ts"
import {
  type EditRouteDeps,
  patchExperimentRoute,
  promoteRoute,
  putExperimentRoute,
  removeExperimentRoute,
  rollbackRoute,
  transitionRoute,
} from "./routes/experiment-edits.ts"
import { diffRoute, type HistoryRouteDeps, historyRoute, revisionRoute } from "./routes/experiment-history.ts"
import {
  allocationRoute,
  explainRoute,
  listExperimentsRoute,
  readExperimentRoute,
  statisticsRoute,
  type WriteYaml,
} from "./routes/experiments.ts"
import { healthcheckRoute, healthzRoute, metricsRoute, type ReadParts, readyzRoute } from "./routes/health.ts"
import { type KeyRouteDeps, listKeysRoute, makeKeyRoute, revokeKeyRoute } from "./routes/keys.ts"
import { predictRoute } from "./routes/predict.ts"
import { getRewardPixelRoute, getRewardRoute, postRewardRoute } from "./routes/reward.ts"
import type { Compress } from "./static-answer.ts"

/** Everything the HTTP layer needs, built once per process or isolate by an entry. */
export interface ApplicationDeps extends AdmissionDeps, KeyRouteDeps, EditRouteDeps, HistoryRouteDeps, AuditRouteDeps {
  readonly experiments: ServedExperiments
  readonly predict: (command: PredictCommand) => Promise<Prediction>
  readonly reward: (commands: readonly RewardCommand[]) => Promise<(RewardReceipt | GatewayError)[]>
  readonly counters: CounterStore
  readonly logger: Logger
  readonly metrics: Metrics
  readonly readParts: ReadParts
  readonly writeYaml: WriteYaml
  readonly compress?: Compress | undefined
  /** Origins of the pages that may post rewards; none when left out. */
  readonly rewardOrigins?: readonly string[] | undefined
}

const MAX_TARGET_LENGTH = 4096

/** What is at one path of the contract: an answer for each of its methods, and one for all others. */
export interface Route {
  /** With `{name}` for each parameter. */
  readonly path: string
  /** By method, in upper case. */
  readonly methods: ReadonlyMap<string, AnswerCall>
  /** Whose share of an overloaded gateway its requests take; undefined for those that are always answered. */
  readonly partition: Partition | undefined
  readonly refuse: (call: Call) => Answer
}

/** Everything that is answered over HTTP, for whatever server mounts it. */
export interface Application {
  readonly routes: readonly Route[]
  /** For paths that no route has. */
  readonly notFound: (call: Call) => Answer
  /** For what went wrong outside the application. */
  readonly failed: (call: Call, error: unknown) => Answer
}

type MountedOperation = (typeof OPERATIONS)[number]

/** The application: functions from a call to its answer. Listens nowhere, reads no environment. */
export function createApplication(deps: ApplicationDeps): Application {
  const { metrics, clock, logger } = deps
  const crossOrigin = new CrossOrigin(deps.rewardOrigins ?? [])
  const handlers = createHandlers(deps, crossOrigin)

  const refusal = (call: Call, error: GatewayError, dialect: Dialect | undefined): Answer =>
    dialect === undefined ? problemAnswer(error) : dialectProblemAnswer(dialect, error, call)
  const fail = (call: Call, error: unknown, dialect: Dialect | undefined): Answer => {
    if (error instanceof GatewayError) {
      metrics.answeredProblem(error.code)
      if (error.cause !== undefined && error.code === "backend_failed") {
        logger.warn(
          {
            ...call.context.logged,
            code: error.code,
            error: error.cause instanceof Error ? error.cause.message : "unknown",
          },
          "no variant answered",
        )
      }
      return refusal(call, error, dialect)
    }
    logger.error(
      { ...call.context.logged, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
      "unexpected error",
    )
    metrics.answeredProblem("internal")
    return refusal(call, new GatewayError("internal"), dialect)
  }
  const failed = (call: Call, error: unknown, dialect?: Dialect): Answer => identified(call, fail(call, error, dialect))

  const toRoute = (path: string, operations: readonly MountedOperation[]): Route => {
    const partitions = new Set(operations.map(partitionOf))
    if (partitions.size > 1) throw new Error(`the methods of ${path} belong to several partitions`)
    const [partition] = partitions
    const allow = operations
      .map(({ method }) => method.toUpperCase())
      .filter((method) => method !== "OPTIONS")
      .sort()
      .join(", ")
    const refuse = (call: Call): Answer => {
      if (crossOrigin.isPreflight(call)) return failed(call, new GatewayError("origin_not_allowed"))
      metrics.answeredProblem("method_not_allowed")
      const error = new GatewayError("method_not_allowed", { detail: `Allowed here: ${allow}.` })
      const [{ dialect } = {}] = operations
      return identified(call, withHeaders(refusal(call, error, dialect), { allow }))
    }
    const methods = operations.map((operation): [string, AnswerCall] => {
      const answer = operation.method === "options" ? preflight(operation, refuse) : timed(operation, refuse)
      return [operation.method.toUpperCase(), answer]
    })
    return { path, methods: new Map(methods), partition, refuse }
  }

  /** A browser's question whether it may send a request; any other OPTIONS is not a method of the path. */
  const preflight = ({ id, request }: MountedOperation, refuse: Route["refuse"]): AnswerCall => {
    const readBody = bodyReader(request)
    return async (call) => {
      if (!crossOrigin.isPreflight(call)) return refuse(call)
      try {
        return identified(call, await handlers[id](call, readBody, ANYBODY))
      } catch (error) {
        return failed(call, error)
      }
    }
  }

  /** Who wanted to change something and did not get it. Requests without a valid key are only counted, so that nobody can fill a disk. */
  const noteRefusal = (id: OperationId, call: Call, caller: Caller, { code }: GatewayError): void => {
    const subject = call.param("experiment") ?? ""
    void deps.audit.note({ actor: caller.name, action: id, subject, outcome: "refused", code })
  }

  const timed = (operation: MountedOperation, refuse: Route["refuse"]): AnswerCall => {
    const { id, path, tag, method, request, dialect } = operation
    const admit = admitTo(operation, deps)
    const changes = path.startsWith("/admin/") && method !== "get"
    const handle = handlers[id]
    const readBody = bodyReader(request)
    const takesPostbacks = tag === "Reward"
    // A label of the metrics, which people have in their dashboards.
    const route = path.replaceAll(/\{(\w+)\}/g, ":$1")
    return async (call) => {
      const startedMs = clock.monotonicMs()
      let answer: Answer
      let caller: Caller | undefined
      try {
        // Servers ask the GET of a path for its HEAD; a HEAD must not count a reward.
        if (takesPostbacks && call.method === "HEAD") return crossOrigin.share(call, refuse(call))
        // A postback that is too long has a token that is too long: its route says so.
        if (!takesPostbacks && call.target.length > MAX_TARGET_LENGTH) throw new GatewayError("uri_too_long")
        // A page's script may send what these protocols take without asking whether it may.
        if (dialect !== undefined && call.header("origin") !== undefined) throw new GatewayError("origin_not_allowed")
        const admitted = admit(call)
        // Most callers are known at once: only a user's token is waited for.
        caller = admitted instanceof Promise ? await admitted : admitted
        answer = identified(call, await handle(call, readBody, caller))
      } catch (error) {
        const refused = error instanceof CallerRefused ? error.caller : caller
        if (changes && refused !== undefined && error instanceof GatewayError) noteRefusal(id, call, refused, error)
        answer = failed(call, error, dialect)
      } finally {
        metrics.observe(route, (clock.monotonicMs() - startedMs) / 1000)
      }
      return takesPostbacks ? crossOrigin.share(call, answer) : answer
    }
  }

  return {
    routes: [...Map.groupBy(OPERATIONS, ({ path }) => path)].map(([path, operations]) => toRoute(path, operations)),
    notFound: (call) =>
      failed(call, new GatewayError("not_found", { detail: "There is nothing at this path. See /openapi.json." })),
    failed: (call, error) => failed(call, error),
  }
}

/** The answer with the id that its caller gave the request; a problem gets one in any case, to ask us about it. */
function identified(call: Call, answer: Answer): Answer {
  const given = readRequestId(call.header("x-request-id"))
  if (given === undefined && answer.status < 400) return answer
  return withHeaders(answer, { "x-request-id": given ?? call.context.requestId })
}

/** What answers each operation: whoever adds one to the contract has to say so here, and the other way round. */
function createHandlers(
  deps: ApplicationDeps,
  crossOrigin: CrossOrigin,
): Readonly<Record<OperationId, OperationHandler>> {
  const predict = predictRoute(deps)
  return {
    predict,
    predictFor: predict,
    reward: postRewardRoute(deps),
    rewardPreflight: (call) => crossOrigin.preflight(call),
    rewardPostback: getRewardRoute(deps),
    rewardPixel: getRewardPixelRoute(deps),
    listExperiments: listExperimentsRoute(deps),
    readExperiment: readExperimentRoute(deps),
    readStatistics: statisticsRoute(deps),
    readAllocation: allocationRoute(deps),
    explainChoice: explainRoute(deps),
    ...createDialectHandlers(deps),
    listKeys: listKeysRoute(deps),
    makeKey: makeKeyRoute(deps),
    revokeKey: revokeKeyRoute(deps),
    putExperiment: putExperimentRoute(deps),
    patchExperiment: patchExperimentRoute(deps),
    removeExperiment: removeExperimentRoute(deps),
    startExperiment: transitionRoute(deps, "start"),
    pauseExperiment: transitionRoute(deps, "pause"),
    resumeExperiment: transitionRoute(deps, "resume"),
    concludeExperiment: transitionRoute(deps, "conclude"),
    promoteVariant: promoteRoute(deps),
    rollbackExperiment: rollbackRoute(deps),
    readHistory: historyRoute(deps),
    readRevision: revisionRoute(deps),
    readDiff: diffRoute(deps),
    readAudit: auditRoute(deps),
    root: rootRoute,
    healthz: healthzRoute,
    readyz: readyzRoute(deps.readParts),
    healthcheck: healthcheckRoute,
    metrics: metricsRoute(deps.metrics),
    openapi: openApiRoute(deps.compress),
    experimentSchema: experimentSchemaRoute(deps.compress),
    docs: docsRoute(deps.compress),
    problem: problemPageRoute(deps.compress),
  }
}
