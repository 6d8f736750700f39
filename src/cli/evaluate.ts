import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { PolicyError } from "#policies/policy.ts"
import type { DuckDbLimits } from "../adapters/duckdb/duckdb.ts"
import { createDuckDbEvaluationLog } from "../adapters/duckdb/evaluation-log.ts"
import type { LogPlaces } from "../adapters/duckdb/staged-log.ts"
import { type Evaluation, type EvaluationOrder, evaluate as evaluateLog } from "../app/evaluation/evaluate.ts"
import { ESTIMATOR_NAMES, type EstimatorName, isEstimatorName } from "../domain/evaluation/estimators.ts"
import type { Command, Io } from "./command.ts"
import { evaluationDocument } from "./evaluation-document.ts"
import { evaluationHtml } from "./evaluation-picture.ts"
import { evaluationReport } from "./evaluation-report.ts"
import { parseTargets, targetsFor, type WantedTargets } from "./evaluation-targets.ts"
import { LOG_USAGE, logPlaces } from "./log-places.ts"
import { ProgressBar } from "./progress-bar.ts"
import { Refusal, refuse } from "./refusal.ts"
import { replicateStreams } from "./replicate-streams.ts"
import { timeOf } from "./time-option.ts"
import { untilStopped } from "./until-stopped.ts"
import { columnsOf, widthOf, wrapped } from "./wrapped.ts"

const REPLICATES = 1000
const FEATURE_NAME = /^[^"\\]{1,128}$/
const STOPPED = 130

export const evaluate: Command = {
  name: "evaluate",
  summary: "What another policy would have earned, from the outcome log",
  usage: `npm run cli -- evaluate --log PLACE --experiment ID [options]

Says from an outcome log what other policies would have earned, how sure that
is, and whether this log can tell at all. It weights each logged decision by how
likely the other policy would have made it. docs/evaluation.md is a guide.

${LOG_USAGE}
  --experiment ID     which experiment
  --policy KIND       a policy to judge, as in simulate: thompson, a kind with
                      its first parameter (epsilon-greedy:0.1), or the policy of
                      a document as JSON; may be repeated
  --params JSON       the parameters of a single --policy
  --target-allocation JSON
                      fixed shares to judge: '{"challenger":1}'; may be repeated.
                      Without any of these: each variant alone
  --learn HOW         what a policy that learns learns from. accepted (default):
                      rows that it might have drawn itself, fewer than it would
                      have had. logged: everything
  --metric NAME       default: what the experiment learned from last
  --from, --to TIME   decisions from one time until before another, as in
                      2026-11-20T12:00:00Z
  --window SECONDS    leaves out decisions younger than this at the log's end;
                      default: the metric's attribution window, as logged
  --by FEATURE        also for each value of a logged feature
  --model-features A,B
                      logged features that the outcome model tells apart
  --estimators LIST   default: all, ${ESTIMATOR_NAMES.slice(0, 6).join(",")},
                      ${ESTIMATOR_NAMES.slice(6).join(",")}
  --seed N            of the bootstrap (1)
  --plot FILE         also writes the picture as one .html file
  --threads N         processor cores to read with (1)
  --temporary-gib N   how large the temporary folder may get (50). TMPDIR says
                      where it is
  --json              one JSON document: {"experiment","metric","decisions",
                      "units","logged","targets":[{"policy","estimates",
                      "diagnostics","verdict","reasons",…}],…}

  npm run cli -- evaluate --log data --experiment banner-ctr \\
    --target-allocation '{"challenger":1}' --policy thompson`,
  run: async (args, io) => {
    try {
      const order = readOrder(args, io)
      return await untilStopped((signal) => run(order, io, signal))
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof PolicyError)) throw error
      refuse(io, "evaluate", error.message)
      return 1
    }
  },
}

interface Order {
  readonly places: LogPlaces
  readonly query: EvaluationOrder["query"]
  readonly wanted: WantedTargets
  readonly estimators: readonly EstimatorName[]
  readonly seed: string
  readonly plot: string | undefined
  readonly limits: Pick<DuckDbLimits, "threads" | "temporaryGiB">
  readonly json: boolean
}

async function run(order: Order, io: Io, signal: AbortSignal): Promise<number> {
  const { places, query, wanted, estimators, seed, plot, limits, json } = order
  const progress = new ProgressBar(io.stderr, () => performance.now())
  const log = createDuckDbEvaluationLog(places, { limits, signal })
  let evaluation: Evaluation
  try {
    evaluation = await evaluateLog(
      log,
      {
        query,
        estimators,
        resampling: { replicates: REPLICATES, random: replicateStreams(seed)(0) },
        targetsOf: (facts) => targetsFor(wanted, query.experiment, facts),
      },
      (share) => progress.update(share, "evaluating"),
    )
  } catch (error) {
    if (signal.aborted) return STOPPED
    throw error
  } finally {
    progress.finish()
  }
  if (plot !== undefined) write(plot, evaluationHtml(query.experiment, evaluation))
  if (json) io.stdout.write(`${JSON.stringify(evaluationDocument(query.experiment, evaluation))}\n`)
  else {
    const report = evaluationReport(query.experiment, evaluation, widthOf(io.stdout))
    io.stdout.write(wrapped(report, columnsOf(io.stdout), 2))
  }
  return 0
}

function readOrder(args: readonly string[], io: Io): Order {
  const { values } = parseArgs({
    args: [...args],
    options: {
      log: { type: "string", multiple: true, default: [] },
      experiment: { type: "string" },
      metric: { type: "string" },
      policy: { type: "string", multiple: true, default: [] },
      params: { type: "string" },
      "target-allocation": { type: "string", multiple: true, default: [] },
      learn: { type: "string", default: "accepted" },
      from: { type: "string" },
      to: { type: "string" },
      window: { type: "string" },
      by: { type: "string" },
      "model-features": { type: "string" },
      estimators: { type: "string", default: ESTIMATOR_NAMES.join(",") },
      seed: { type: "string", default: "1" },
      plot: { type: "string" },
      threads: { type: "string", default: "1" },
      "temporary-gib": { type: "string", default: "50" },
      json: { type: "boolean", default: false },
    },
  })
  const { experiment, metric, plot } = values
  const places = logPlaces(values.log, io)
  if (experiment === undefined) throw new Refusal("--experiment is missing: the id of an experiment in the log")
  if (plot !== undefined && !plot.endsWith(".html")) throw new Refusal(`--plot ${plot}: the name must end in .html`)
  const wanted = parseTargets({
    policies: values.policy,
    params: values.params,
    allocations: values["target-allocation"],
    learn: values.learn,
  })
  const query = {
    experiment,
    metric,
    from: timeOf("--from", values.from),
    to: timeOf("--to", values.to),
    windowSeconds: secondsOf(values.window),
    segmentBy: values.by === undefined ? undefined : featureName("--by", values.by),
    modelFeatures: (values["model-features"]?.split(",") ?? []).map((name) => featureName("--model-features", name)),
    arrivals: wanted.policies.length > 0,
  }
  const estimators = values.estimators.split(",").map(estimatorName)
  return {
    places,
    query,
    wanted,
    estimators,
    seed: values.seed,
    plot,
    limits: {
      threads: wholeNumber("--threads", values.threads, 99),
      temporaryGiB: wholeNumber("--temporary-gib", values["temporary-gib"], 99_999),
    },
    json: values.json,
  }
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text)
  throw new Refusal(`--window ${text}: it is a whole number of seconds`)
}

function featureName(option: string, name: string): string {
  if (FEATURE_NAME.test(name)) return name
  throw new Refusal(`${option} "${name}" can't be a feature's name: 1 to 128 characters without quotes and backslashes`)
}

function estimatorName(name: string): EstimatorName {
  if (isEstimatorName(name)) return name
  throw new Refusal(`--estimators: there is no "${name}"; there are ${ESTIMATOR_NAMES.join(", ")}`)
}

function wholeNumber(option: string, text: string, most: number): number {
  if (/^[1-9]\d*$/.test(text) && Number(text) <= most) return Number(text)
  throw new Refusal(`${option} ${text}: it is a whole number from 1 to ${most}`)
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new Refusal(`--plot ${path} can't be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}
