import type { ExperimentDiff, ExperimentEdit, ExperimentHistory, ExperimentList } from "../../examples/client.ts"

/** What an edit did, or would do, a line for each thing. */
export function describeEdit(edit: ExperimentEdit): string {
  const { experiment, dryRun, revision, changes, series, warnings, allocation } = edit
  const nothing = changes.length === 0 && series.every(({ why }) => why !== "reset")
  const heading = dryRun
    ? `${experiment}: ${nothing ? "nothing would change" : "would change"}, now at revision ${revision}`
    : `${experiment}: ${nothing ? "nothing to change" : "published"}, at revision ${revision}`
  return lines([
    heading,
    ...changes.map(describeChange),
    ...series.filter(({ why }) => why !== "kept" && why !== "new_variant").map(describeStep),
    ...describeShares(allocation.before, allocation.after),
    ...warnings.map(({ pointer, detail }) => `  warning: ${pointer} ${detail}`),
  ])
}

/** What is different between two revisions. */
export function describeRevisions({ experiment, from, to, changes, series }: ExperimentDiff): string {
  const steps = series.map(({ variant, before, after }) => `  statistics of ${variant}: series ${before} -> ${after}`)
  return lines([`${experiment}: revision ${from} -> ${to}`, ...changes.map(describeChange), ...steps])
}

export function describeHistory({ revisions }: ExperimentHistory): string {
  return lines(
    revisions.flatMap(({ revision, at, actor, reason, held, diff }) => [
      `revision ${revision}  ${at}  ${actor}${reason === undefined ? "" : `: ${reason}`}`,
      ...(held === undefined ? [] : [`  paused until it is resumed; its file says ${held}`]),
      ...diff.map((line) => `  ${line}`),
    ]),
  )
}

export function describeList({ experiments }: ExperimentList): string {
  const width = Math.max(0, ...experiments.map(({ id }) => id.length))
  return lines(
    experiments.map(({ id, status, revision, policy, variants }) => {
      return `${id.padEnd(width)}  ${status.padEnd(9)}  revision ${revision}  ${policy}: ${variants.join(", ")}`
    }),
  )
}

function describeChange({ path, before, after }: ExperimentEdit["changes"][number]): string {
  if (path === "") return before === null ? "  a new document" : "  the whole document goes"
  if (before === null) return `  + ${path}: ${JSON.stringify(after)}`
  if (after === null) return `  - ${path}: ${JSON.stringify(before)}`
  return `  ~ ${path}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`
}

const REASONS: Readonly<Record<string, string>> = {
  came_back: "it was away",
  backend_changed: "its backend changed",
  model_replaced: "its model was replaced",
  metric_changed: "what is learned from changed",
  reset: "you asked for it",
}

function describeStep({ variant, why }: ExperimentEdit["series"][number]): string {
  if (why === "kept_on_request") return `  statistics of ${variant} go on, as you asked`
  return `  statistics of ${variant} begin anew: ${REASONS[why] ?? why}`
}

function describeShares(
  before: ExperimentEdit["allocation"]["before"],
  after: ExperimentEdit["allocation"]["after"],
): string[] {
  return Object.entries(after ?? {}).flatMap(([variant, share]) => {
    const old = before?.[variant]
    if (old === share) return []
    return [`  share of ${variant}: ${old === undefined ? "none" : percent(old)} -> ${percent(share)}`]
  })
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("")
}
