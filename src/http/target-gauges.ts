import { Gauge, type Registry } from "prom-client"
import type { TargetGuard } from "../app/target-guard.ts"

type Labels = Readonly<Record<string, string>>

/** Gauges of the targets that are called, read when they are scraped. */
export function watchTargets(registry: Registry, guards: () => readonly TargetGuard[]): void {
  const watch = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (guard: TargetGuard) => readonly (readonly [Labels, number])[],
  ): void => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: ["target", ...labelNames],
      registers: [registry],
      collect: () => {
        gauge.reset()
        for (const guard of guards()) {
          for (const [labels, value] of read(guard)) gauge.set({ target: guard.name, ...labels }, value)
        }
      },
    })
  }
  const one = (read: (guard: TargetGuard) => number) => (guard: TargetGuard) => [[{}, read(guard)]] as const
  watch(
    "bandit_target_calls",
    "Calls sent to a target since the start, retries included, by status or by what came instead",
    ["outcome"],
    ({ counts }) => Object.entries(counts.outcomes).map(([outcome, count]) => [{ outcome }, count]),
  )
  watch(
    "bandit_target_retries",
    "Calls among them that were second attempts",
    [],
    one(({ counts }) => counts.retries),
  )
  watch(
    "bandit_target_refused",
    "Calls that were not sent: the model was left alone, or too many were under way",
    [],
    one(({ counts }) => counts.refused),
  )
  watch(
    "bandit_target_answer_seconds",
    "Time that a target's answers took together",
    [],
    one(({ counts }) => counts.answeredMs / 1000),
  )
  watch(
    "bandit_target_under_way",
    "Calls under way now",
    [],
    one(({ limit }) => limit.underWay),
  )
  watch(
    "bandit_target_limit",
    "Calls that may be under way at once now",
    [],
    one(({ limit }) => limit.limit),
  )
  watch(
    "bandit_target_models",
    "Models of a target by circuit: open ones are left alone for a while, half_open ones are about to be tried",
    ["circuit"],
    (guard) => Object.entries(guard.circuits()).map(([circuit, count]) => [{ circuit }, count]),
  )
}
