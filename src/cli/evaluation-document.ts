import type { Evaluation, TargetResult } from "../app/evaluation/evaluate.ts"
import type { Result } from "../app/evaluation/tally.ts"

/** An evaluation as one JSON document. */
export function evaluationDocument(experiment: string, { summary, impossible, targets }: Evaluation): unknown {
  const [first] = targets
  return {
    experiment,
    metric: summary.metric,
    decisions: summary.decisions,
    units: summary.rows,
    logged: first?.logged,
    targets: targets.map(targetDocument),
    rows: summary.stickiness === "request" ? "decisions" : "units",
    stickiness: summary.stickiness,
    begin: new Date(summary.begin).toISOString(),
    end: new Date(summary.end).toISOString(),
    attributionWindowSeconds: summary.windowSeconds ?? null,
    leftOut: { ...summary.undrawn, young: summary.young, impossible },
  }
}

function targetDocument({ policy, learning, segments, ...result }: TargetResult): unknown {
  return {
    policy,
    ...judgedDocument(result),
    ...(learning === undefined ? {} : { learning }),
    ...(segments.length === 0
      ? {}
      : {
          segments: segments.map(({ segment, rows, logged, ...part }) => {
            return {
              segment: segment ?? null,
              others: segment === undefined,
              units: rows,
              logged,
              ...judgedDocument(part),
            }
          }),
        }),
  }
}

function judgedDocument(result: Omit<Result, "rows" | "logged">): object {
  const { estimates, diagnostics, verdict, reasons, gain, effectiveRewards } = result
  return { estimates, diagnostics, verdict, reasons, gain, effectiveRewards }
}
