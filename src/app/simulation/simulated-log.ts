import type { Choice } from "../../domain/choice.ts"
import type { DecisionEvent, OutcomeEvent } from "../../domain/events.ts"
import type { Experiment } from "../../domain/experiment.ts"
import type { DecisionId } from "../../domain/ids.ts"
import { firstLineage } from "../../domain/series.ts"
import { allocatesEveryPull } from "./simulate.ts"
import { SimulatedGateway } from "./simulated-gateway.ts"
import { rewardEvent } from "./simulated-reward.ts"
import { type Random, World } from "./simulated-world.ts"
import type { Scenario } from "./simulation-scenario.ts"

/**
 * The outcome log that a gateway would leave of one run: decisions a second apart from 1970 on, each before its reward.
 *
 * @param scenario of a single segment: variants don't come and go
 */
export function simulatedLog(scenario: Scenario, experiment: Experiment, random: Random): OutcomeEvent[] {
  const salt = `${random().toString(36).slice(2)}-`
  const gateway = new SimulatedGateway(experiment, scenario, salt)
  const world = new World(scenario, random)
  const everyPull = allocatesEveryPull(experiment)
  const lineage = firstLineage(experiment)
  const events: OutcomeEvent[] = []
  for (let decision = 0; decision < scenario.T; decision++) {
    if (decision % scenario.batch === 0) gateway.beginBatch(decision)
    else if (everyPull || gateway.isBurningIn) gateway.refresh()
    world.advance(decision)
    const unit = world.unitOf(decision)
    const choice = gateway.decide(decision, unit)
    const outcome = world.answer(decision, choice.index)
    gateway.record(decision, decision, choice, outcome)
    const decisionId = salt + decision
    events.push(
      decisionEvent(experiment, choice, { decision, decisionId, unit: `u${unit ?? decision}`, failed: outcome.failed }),
    )
    if (outcome.reward > 0)
      events.push(rewardEvent({ experiment, revision: 1, lineage }, { second: decision, decisionId, choice }, outcome))
  }
  return events
}

interface Decided {
  readonly decision: number
  readonly decisionId: string
  readonly unit: string
  readonly failed: boolean
}

function decisionEvent(
  { id, stickiness, policy, reward, variants }: Experiment,
  { variant, propensity, allocation, reason }: Choice,
  { decision, decisionId, unit, failed }: Decided,
): DecisionEvent {
  return {
    v: 1,
    type: "decision",
    eventId: `d-${decisionId}`,
    at: new Date(decision * 1000).toISOString(),
    experiment: id,
    revision: 1,
    series: 1,
    epoch: 1,
    metric: reward.metric,
    decisionId: decisionId as DecisionId,
    unit,
    group: 0,
    stickiness,
    variant,
    propensity,
    allocation: Object.fromEntries(variants.map((each, index) => [each.id, allocation[index] ?? 0])),
    policy: policy.kind,
    stateVersion: decision,
    reason,
    learn: !failed || reward.failures === "count",
    features: null,
    prediction: failed ? null : 0,
    model: failed ? null : variant,
    servedBy: failed ? null : variant,
    latencyMs: 0,
    error: failed ? "backend_failed" : null,
  }
}
