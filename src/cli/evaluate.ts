import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { PolicyError } from "#policies/policy.ts"
import { type Evaluation, type EvaluationOrder, evaluate as evaluateLog } from "../app/evaluation/evaluate.ts"
import { ESTIMATOR_NAMES, type EstimatorName, isEstimatorName } from "../domain/evaluation/estimators.ts"
import type { Command, Io } from "./command.ts"
import { evaluationDocument } from "./evaluation-document.ts"
import { evaluationHtml } from "./evaluation-picture.ts"
import { evaluationReport } from "./evaluation-report.ts"
import { parseTargets, targetsFor, type WantedTargets } from "./evaluation-targets.ts"
import { featureName, LOG_OPTIONS, LOG_USAGE, type LogOrder, readLogOrder } from "./log-order.ts"
import { ProgressBar } from "./progress-bar.ts"
import { Refusal, refuse } from "./refusal.ts"
import { replicateStreams } from "./replicate-streams.ts"

import { untilStopped } from "./until-stopped.ts"
import { columnsOf, widthOf, wrapped } from "./wrapped.ts"

const REPLICATES = 1000
const STOPPED = 130

export const evaluate: Command = {
  name: "evaluate",
  summary: "What another policy would have earned, from the outcome log",
  usage: `npm run cli -- evaluate --log PLACE --experiment ID [options]

Says from an outcome log what other policies would have earned, how sure that
is, and whether this log can tell at all. It weights each logged decision by how
likely the other policy would have made it. docs/evaluation.md is a guide.

${LOG_USAGE.what}
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
${LOG_USAGE.rows}
  --by FEATURE        also for each value of a logged feature
  --model-features A,B
                      logged features that the outcome model tells apart
  --estimators LIST   default: all, ${ESTIMATOR_NAMES.slice(0, 6).join(",")},
                      ${ESTIMATOR_NAMES.slice(6).join(",")}
  --seed N            of the bootstrap (1)
  --plot FILE         also writes the picture as one .html file
${LOG_USAGE.limits}
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
  readonly open: LogOrder["open"]
  readonly query: EvaluationOrder["query"]
  readonly wanted: WantedTargets
  readonly estimators: readonly EstimatorName[]
  readonly seed: string
  readonly plot: string | undefined
  readonly json: boolean
}

async function run(order: Order, io: Io, signal: AbortSignal): Promise<number> {
  const { open, query, wanted, estimators, seed, plot, json } = order
  const progress = new ProgressBar(io.stderr, () => performance.now())
  let evaluation: Evaluation
  try {
    evaluation = await evaluateLog(
      open(signal),
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
      ...LOG_OPTIONS,
      policy: { type: "string", multiple: true, default: [] },
      params: { type: "string" },
      "target-allocation": { type: "string", multiple: true, default: [] },
      learn: { type: "string", default: "accepted" },
      by: { type: "string" },
      "model-features": { type: "string" },
      estimators: { type: "string", default: ESTIMATOR_NAMES.join(",") },
      seed: { type: "string", default: "1" },
      plot: { type: "string" },
      json: { type: "boolean", default: false },
    },
  })
  const { plot } = values
  const { open, query: rows } = readLogOrder(values, io)
  if (plot !== undefined && !plot.endsWith(".html")) throw new Refusal(`--plot ${plot}: the name must end in .html`)
  const wanted = parseTargets({
    policies: values.policy,
    params: values.params,
    allocations: values["target-allocation"],
    learn: values.learn,
  })
  const query = {
    ...rows,
    segmentBy: values.by === undefined ? undefined : featureName("--by", values.by),
    modelFeatures: (values["model-features"]?.split(",") ?? []).map((name) => featureName("--model-features", name)),
    arrivals: wanted.policies.length > 0,
  }
  const estimators = values.estimators.split(",").map(estimatorName)
  return {
    open,
    query,
    wanted,
    estimators,
    seed: values.seed,
    plot,
    json: values.json,
  }
}

function estimatorName(name: string): EstimatorName {
  if (isEstimatorName(name)) return name
  throw new Refusal(`--estimators: there is no "${name}"; there are ${ESTIMATOR_NAMES.join(", ")}`)
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new Refusal(`--plot ${path} can't be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}
