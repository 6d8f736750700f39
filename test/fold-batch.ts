import { CALL_SECONDS } from "#src/domain/call-counters.ts"
import type { CounterAddition, GroupAddition } from "#src/domain/decision-facts.ts"
import {
  allocatedAdditions,
  callAddition,
  counterAdditions,
  DecisionReader,
  groupAdditions,
} from "#src/domain/decision-facts.ts"
import type { DecisionEvent, RewardEvent } from "#src/domain/events.ts"
import { hourOf } from "#src/domain/group-rows.ts"
import type { LogPosition } from "#src/domain/log-position.ts"
import { addUnit, emptySketch } from "#src/domain/unit-sketch.ts"
import type { FoldBatch, SketchAddition } from "#src/ports/counter-store.ts"

const DAY = 86_400

/** What outcomes of one experiment add to the counters, each on its own: nothing is added up beforehand. */
function additionsOf(
  events: readonly (DecisionEvent | RewardEvent)[],
): Pick<FoldBatch, "counters" | "groups" | "sketches" | "rewards"> {
  const reader = new DecisionReader()
  const counters: CounterAddition[] = []
  const groups: GroupAddition[] = []
  const sketches: SketchAddition[] = []
  for (const event of events) {
    if (event.type === "reward") continue
    const { choice, second, group, unit, failed, call } = reader.facts(event)
    if (choice === undefined) continue
    const counted = { count: 1, failed: failed ? 1 : 0 }
    counters.push(...counterAdditions(choice, second, counted))
    if (call !== undefined) counters.push(callAddition(choice, second - (second % CALL_SECONDS), call, 1))
    if (choice.cohort !== "learned") continue
    const hour = hourOf(second)
    groups.push(...groupAdditions(choice, hour, group, counted))
    groups.push(...allocatedAdditions(choice.allocation, hour, group, 1))
    const sketch = emptySketch()
    addUnit(sketch, unit)
    sketches.push({ variant: choice.variant, series: choice.series, day: second - (second % DAY), sketch })
  }
  return { counters, groups, sketches, rewards: events.filter((event) => event.type === "reward") }
}

/** A position as the first log file would have it after some lines. */
export function place(offset: number, hash = `h${offset}`): LogPosition {
  return { file: 1, offset, hash }
}

/** A batch of one log of the experiment `banner-ctr`. */
export function batchOf(
  events: readonly (DecisionEvent | RewardEvent)[],
  {
    log = "L1",
    from,
    end,
  }: { readonly log?: string; readonly from?: LogPosition | undefined; readonly end: LogPosition },
): FoldBatch {
  return { experiment: events[0]?.experiment ?? "banner-ctr", log, from, end, ...additionsOf(events) }
}
