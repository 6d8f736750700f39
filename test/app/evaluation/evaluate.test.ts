import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { createMemoryEvaluationLog } from "#src/adapters/memory/evaluation-log.ts"
import { type Evaluation, evaluate, type LoggedFacts } from "#src/app/evaluation/evaluate.ts"
import { fixedTarget, type Target, uniformTarget } from "#src/app/evaluation/target.ts"
import type { OutcomeEvent } from "#src/domain/events.ts"
import type { EvaluationQuery } from "#src/ports/evaluation-log.ts"
import { ALL_OF_IT, experimentEvent } from "#test/contract/evaluation-log.ts"
import { decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"

/** Decisions between champion, which earns 1 in 5, and challenger, which earns 2 in 5, a quarter of them the challenger's. */
function eventsOf(count: number, change: (index: number) => object = () => ({})): OutcomeEvent[] {
  const stream = seedrandom.alea("events")
  const allocation = { champion: 0.75, challenger: 0.25 }
  return Array.from({ length: count }, (_, index) => {
    const variant = stream.double() < 0.25 ? ("challenger" as const) : ("champion" as const)
    const place = {
      decisionId: `D${index}`,
      decidedAt: NOON + index * 1000,
      stickiness: "request" as const,
      variant,
      propensity: allocation[variant],
    }
    const decision = { ...decisionEvent({ ...place, unit: `unit-${index}`, allocation }), ...change(index) }
    return stream.double() < (variant === "challenger" ? 0.4 : 0.2) ? [decision, rewardEvent(place)] : [decision]
  }).flat()
}

async function evaluated(
  events: readonly OutcomeEvent[],
  targetsOf: (facts: LoggedFacts) => readonly Target[],
  query: Partial<EvaluationQuery> = {},
): Promise<Evaluation> {
  const order = {
    query: { ...ALL_OF_IT, ...query },
    estimators: ["ips", "dr"] as const,
    resampling: { replicates: 10, random: seedrandom.alea("draws") },
    targetsOf,
  }
  return await evaluate(createMemoryEvaluationLog(events), order, () => {})
}

/** In the order of the variants' names: challenger, champion. */
const challengerAlone = () => [fixedTarget("always challenger", [1, 0])]

it("finds what each variant alone would have earned, and the log's own value for its own shares", async () => {
  const { targets } = await evaluated(eventsOf(8_000), () => [
    fixedTarget("always challenger", [1, 0]),
    fixedTarget("always champion", [0, 1]),
    fixedTarget("as logged", [0.25, 0.75]),
  ])
  const valueOf = (index: number): number => targets[index]?.estimates[0]?.value ?? 0
  expect(valueOf(0)).toBeCloseTo(0.4, 1)
  expect(valueOf(1)).toBeCloseTo(0.2, 1)
  expect(valueOf(2)).toBeCloseTo(targets[2]?.logged.value ?? 0, 12)
  expect(targets[2]?.gain.value).toBeCloseTo(0, 12)
  expect(targets.map(({ verdict }) => verdict)).toEqual(["better", "worse", "unclear"])
})

describe("given variants that were not always enabled", () => {
  it("splits evenly among the enabled ones, as the revision's document says", async () => {
    const variants = [{ id: "champion" }, { id: "challenger", enabled: false }]
    const closed = (index: number) => (index < 1_000 ? { revision: 2, allocation: { champion: 1, challenger: 0 } } : {})
    const events = eventsOf(4_000, closed).map((event) => {
      return "revision" in event && event.revision === 2 ? { ...event, variant: "champion", propensity: 1 } : event
    }) as OutcomeEvent[]
    const { targets } = await evaluated([experimentEvent(2, { variants }), ...events], (facts) => {
      expect(facts.fewestEnabled).toBe(1)
      return [uniformTarget(2, facts.fewestEnabled)]
    })
    expect(targets[0]?.diagnostics.unsupportedMass).toBe(0)
  })

  it("says how much of a target the log could not have served", async () => {
    const certain = (index: number) =>
      index < 1_000 ? { variant: "champion", allocation: { champion: 1, challenger: 0 } } : {}
    const { targets } = await evaluated(eventsOf(4_000, certain), challengerAlone)
    expect(targets[0]?.diagnostics.unsupportedMass).toBe(0.25)
    expect(targets[0]?.verdict).toBe("cannot-tell")
    expect(targets[0]?.reasons[0]).toContain("25 % of its decisions were certain")
  })
})

it("tells the twenty most frequent segments apart, and counts the others together", async () => {
  const segmented = (index: number) => ({ features: { site: index % 2 === 0 ? "home" : `page-${index % 61}` } })
  const { targets } = await evaluated(eventsOf(2_000, segmented), challengerAlone, { segmentBy: "site" })
  const segments = targets[0]?.segments ?? []
  expect(segments).toHaveLength(21)
  expect(segments[0]).toMatchObject({ segment: "home", rows: 1_000 })
  expect(segments.at(-1)?.segment).toBeUndefined()
  expect(segments.reduce((sum, { rows }) => sum + rows, 0)).toBe(2_000)
})

it("leaves out rows whose variant had no probability, which no gateway writes", async () => {
  const broken = (index: number) =>
    index === 7 ? { variant: "champion", allocation: { champion: 0, challenger: 1 } } : {}
  const { impossible, targets } = await evaluated(eventsOf(500, broken), challengerAlone)
  expect(impossible).toBe(1)
  expect(targets[0]?.rows).toBe(499)
})

it("scales amounts into the range that anytime-valid intervals need, and back", async () => {
  const amounts = eventsOf(4_000).map((event) => {
    return event.type === "reward" ? { ...event, value: -20, bound: 50, aggregation: "sum" as const } : event
  })
  const { targets } = await evaluated(amounts, challengerAlone)
  const anytime = targets[0]?.estimates.find(({ method }) => method === "anytime-valid")
  const [low = 0, high = 0] = anytime?.interval ?? []
  expect(low).toBeLessThan(-8)
  expect(high).toBeGreaterThan(-8)
  expect(low).toBeGreaterThanOrEqual(-50)
  expect(high).toBeLessThan(20)
})
