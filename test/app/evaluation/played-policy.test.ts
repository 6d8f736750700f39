import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { createMemoryEvaluationLog } from "#src/adapters/memory/evaluation-log.ts"
import { evaluate } from "#src/app/evaluation/evaluate.ts"
import { evaluatedExperiment } from "#src/app/evaluation/evaluated-experiment.ts"
import { PlayedPolicy } from "#src/app/evaluation/played-policy.ts"
import { simulatedExperiment } from "#src/app/simulation/simulated-experiment.ts"
import { simulatedLog } from "#src/app/simulation/simulated-log.ts"
import { scenarioSchema } from "#src/app/simulation/simulation-scenario.ts"
import type { OutcomeEvent } from "#src/domain/events.ts"
import { ALL_OF_IT, experimentEvent } from "#test/contract/evaluation-log.ts"

const BATCH = 20
const WINDOW = 50

/** The log of a policy, with its own document at the beginning. */
function loggedBy(policy: object, settings: { readonly maturation?: string; readonly memory?: unknown } = {}) {
  const scenario = scenarioSchema.parse({
    id: "two",
    T: 6_000,
    batch: BATCH,
    meanDelay: 15,
    attributionWindow: WINDOW,
    segments: [[0, [0.2, 0.4]]],
  })
  const parsed = simulatedExperiment(scenario, { policy, stickiness: "request", maturation: "none", ...settings })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  const stream = seedrandom.alea("played")
  const events = simulatedLog(scenario, parsed.experiment, () => stream.double())
  const document = { ...parsed.experiment, refreshSeconds: BATCH }
  const configured = {
    ...experimentEvent(1, document),
    at: new Date(0).toISOString(),
    experiment: parsed.experiment.id,
  }
  // Long after the last decision, so that no window is open.
  const after = { ...configured, eventId: "e-later", at: new Date(10_000_000).toISOString() }
  return { events: [configured, ...events, after] as OutcomeEvent[], policy, settings }
}

async function play(
  { events, policy, settings }: ReturnType<typeof loggedBy>,
  learn: "accepted" | "logged",
  seen: (probabilities: readonly number[]) => void = () => {},
) {
  const { targets } = await evaluate(
    createMemoryEvaluationLog(events),
    {
      query: { ...ALL_OF_IT, experiment: "simulated", arrivals: true },
      estimators: ["ips", "dr"],
      resampling: { replicates: 2, random: () => 0 },
      targetsOf: ({ summary, lowest }) => {
        const parsed = evaluatedExperiment("simulated", summary, { policy, ...settings })
        if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
        const target = new PlayedPolicy("played", parsed.experiment, learn === "accepted" ? lowest : undefined)
        return [
          {
            name: target.name,
            probabilities: (decision) => {
              const probabilities = target.probabilities(decision)
              seen(probabilities)
              return probabilities
            },
            learn: (decision) => target.learn(decision),
            learning: target.learning,
          },
        ]
      },
    },
    () => {},
  )
  const [result] = targets
  if (result === undefined) throw new Error("there is one target")
  return result
}

describe.each([
  ["Thompson sampling", { kind: "thompson", minPropensity: 0.02 }, {}],
  [
    "Thompson sampling that waits for windows to close",
    { kind: "thompson", minPropensity: 0.02 },
    { maturation: "window" },
  ],
  ["Thompson sampling by expected rewards", { kind: "thompson", minPropensity: 0.02 }, { maturation: "expected" }],
  ["epsilon-greedy after a burn-in", { kind: "epsilon-greedy", epsilon: 0.2, burnInDecisions: 200 }, {}],
  [
    "Thompson sampling with a memory",
    { kind: "thompson", minPropensity: 0.02 },
    { memory: { kind: "window", seconds: 600 } },
  ],
])("given the log of %s", (_, policy, settings) => {
  it("allocates in every decision as the gateway did, when it learns from all that was logged", async () => {
    const played = await play(loggedBy(policy, settings), "logged")
    expect(played.learning).toMatchObject({ from: "logged", share: 1 })
    // Within a burn-in the simulated gateway allocates after every decision, and the played one at every refresh.
    const apart = "burnInDecisions" in policy ? BATCH / played.rows : 0
    expect(played.diagnostics.maxWeight).toBeLessThan(apart === 0 ? 1 + 1e-9 : 20)
    expect(played.diagnostics.effectiveSampleSize).toBeGreaterThan(played.rows * (1 - 20 * apart) - 1e-6)
  })
})

it("learns from as large a part of the rows as it might have drawn, and still finds the better variant", async () => {
  const log = loggedBy({ kind: "static" })
  let last: readonly number[] = []
  const played = await play(
    { ...log, policy: { kind: "thompson" } },
    "accepted",
    (probabilities) => (last = probabilities),
  )
  // Probabilities of an even split are a half, so that half of the traffic is what the answer stands for.
  expect(played.learning?.scale).toBe(0.5)
  expect(Math.abs((played.learning?.share ?? 0) - 0.5)).toBeLessThan(0.03)
  expect(last[1]).toBeGreaterThan(0.95)
  expect(played.verdict).toBe("better")
})

it("never looks ahead: what comes later changes no earlier probability", async () => {
  const log = loggedBy({ kind: "thompson", minPropensity: 0.02 })
  const HALF = 3_000_000
  const probabilitiesOf = async (events: readonly OutcomeEvent[]) => {
    const seen: number[] = []
    await play({ ...log, events: [...events] }, "logged", ([first = 0]) => seen.push(first))
    return seen.slice(0, 3_000)
  }
  const withoutLater = log.events.filter((event) => event.type !== "reward" || Date.parse(event.at) < HALF)
  expect(withoutLater.length).toBeLessThan(log.events.length)
  expect(await probabilitiesOf(withoutLater)).toEqual(await probabilitiesOf(log.events))
})
