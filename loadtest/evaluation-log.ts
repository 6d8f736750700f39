import { closeSync, mkdirSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import seedrandom from "seedrandom"

const LINES_AT_ONCE = 20_000
const REWARD_AFTER_MS = 5_000
const FILE_BYTES = 64 * 1024 * 1024
const RATES = [0.02, 0.024] as const
const VARIANTS = ["champion", "challenger"] as const

/**
 * Writes an outcome log as a gateway does, of decisions drawn by request from allocations that move once a second, 200 decisions a second.
 *
 * @returns its size in bytes
 */
export function writeEvaluationLog(folder: string, decisions: number, seed: string): number {
  mkdirSync(folder, { recursive: true })
  const stream = seedrandom.alea(seed)
  const start = Date.UTC(2026, 10, 1)
  const pending: { readonly at: number; readonly line: string }[] = []
  let [file, inFile, total, number] = [0, 0, 0, 0]
  let lines: string[] = []
  const flush = (): void => {
    if (lines.length === 0) return
    if (file === 0 || inFile > FILE_BYTES) {
      if (file !== 0) closeSync(file)
      number += 1
      file = openSync(join(folder, `outcomes-${String(number).padStart(8, "0")}.ndjson`), "w")
      inFile = 0
    }
    const bytes = Buffer.from(`${lines.join("\n")}\n`)
    writeSync(file, bytes)
    inFile += bytes.length
    total += bytes.length
    lines = []
  }
  for (let index = 0; index < decisions; index++) {
    const at = start + index * 5
    while ((pending[0]?.at ?? Number.POSITIVE_INFINITY) <= at) lines.push(pending.shift()?.line ?? "")
    const second = Math.floor(index / 200)
    const share = Math.round((0.5 + 0.45 * Math.sin(second / 5_000)) * 1e9) / 1e9
    const allocation = { champion: Number((1 - share).toFixed(9)), challenger: share }
    const chosen = stream.double() < share ? 1 : 0
    const common = {
      v: 1,
      experiment: "banner-ctr",
      revision: 1,
      series: 1,
      epoch: 1,
    }
    const variant = VARIANTS[chosen]
    const decisionId = `01K${index.toString(32).padStart(23, "0").toUpperCase()}`
    const group = index % 64
    const iso = new Date(at).toISOString()
    lines.push(
      JSON.stringify({
        ...common,
        type: "decision",
        eventId: `d-${decisionId}`,
        at: iso,
        metric: "click",
        decisionId,
        unit: `u${Math.floor(stream.double() * decisions)
          .toString(36)
          .padStart(21, "0")}`,
        group,
        stickiness: "request",
        variant,
        propensity: allocation[variant],
        allocation,
        policy: "thompson",
        stateVersion: second,
        reason: "policy",
        learn: true,
        features: { banner_pos: String(index % 3), device_type: "1", hour: "14102100" },
        prediction: 0.1832741,
        model: chosen === 1 ? "ctr-prefixed" : "ctr-raw",
        servedBy: variant,
        latencyMs: 0.21,
        error: null,
      }),
    )
    if (stream.double() < RATES[chosen]) {
      const rewardedAt = at + REWARD_AFTER_MS
      const line = JSON.stringify({
        ...common,
        type: "reward",
        eventId: `r-${decisionId}-click-1`,
        at: new Date(rewardedAt).toISOString(),
        decisionId,
        group,
        variant,
        propensity: allocation[variant],
        decidedAt: iso,
        stickiness: "request",
        metric: "click",
        value: 1,
        bound: 1,
        aggregation: "first",
        learn: true,
        holdout: false,
        expiresAt: new Date(at + 7_200_000).toISOString(),
        status: "applied",
      })
      pending.push({ at: rewardedAt, line })
    }
    if (lines.length >= LINES_AT_ONCE) flush()
  }
  lines.push(...pending.map(({ line }) => line))
  flush()
  if (file !== 0) closeSync(file)
  return total
}
