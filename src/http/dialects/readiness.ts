import type { Served } from "../../app/served-experiments.ts"

/** Whether something could answer for an experiment now: some model of some choice, or the static answer. */
export function canAnswer({ snapshot, endpoints }: Served): boolean {
  return snapshot.ladders.some((ladder) => ladder.some((index) => endpoints[index]?.isReady?.() ?? true))
}
