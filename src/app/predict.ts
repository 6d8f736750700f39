import { callKindOf } from "../domain/call-counters.ts"
import type { Choice } from "../domain/choice.ts"
import { decide } from "../domain/decide.ts"
import type { DecisionFacts } from "../domain/decision-facts.ts"
import type { DecisionIds } from "../domain/decision-id.ts"
import { GatewayError } from "../domain/errors.ts"
import type { AskedVariant } from "../domain/events.ts"
import type { DecisionId } from "../domain/ids.ts"
import type { Context } from "../domain/plan.ts"
import type { Snapshot } from "../domain/snapshot.ts"
import { type SignText, signToken } from "../domain/token.ts"
import type { UnitPseudonym } from "../domain/unit.ts"
import type { Clock } from "../ports/clock.ts"
import type { Features, OpaqueRequest } from "../ports/model-endpoint.ts"
import { type Answer, askModel } from "./ask-model.ts"
import { choiceText } from "./choice-text.ts"
import { createDecisionLines } from "./decision-line.ts"
import type { Served } from "./served-experiments.ts"

/** What a caller wants predicted. `instances` has 1 to 256 of them, none where only the payload says; `slate` when they came as a list. */
export interface PredictCommand {
  readonly served: Served
  readonly unitId: string | undefined
  readonly instances: readonly Features[]
  /** What a contextual policy may look at. */
  readonly context: Context | undefined
  readonly slate: boolean
  /** The caller's own body, for backends that speak its protocol; undefined where its protocol is the gateway's own. */
  readonly payload: OpaqueRequest | undefined
  /** Whether the caller can do something with a body that the gateway doesn't read, or with a location. */
  readonly takesOpaque: boolean
  /** Headers that continue the request's trace; made when a remote model is called. */
  readonly traceHeaders: () => Readonly<Record<string, string>>
  readonly forcedVariant: string | undefined
  /** Milliseconds, for the whole request. */
  readonly deadlineMs: number
}

/** A decision and what became of it. Where nobody answered (`answer.answered` is false) the caller is owed `answer.failure`. */
export interface Prediction {
  readonly snapshot: Snapshot
  readonly choice: Choice
  readonly decisionId: DecisionId
  readonly token: string
  readonly answer: Answer
  /** Whether something else answered than what was chosen. */
  readonly degraded: boolean
  readonly decideMs: number
  readonly backendMs: number
}

/** Where a decision's line goes. Settles when the line is with the operating system, or the log has given it up. */
export interface DecisionRecorder {
  recordDecision(line: string, facts: DecisionFacts): Promise<boolean>
}

export interface PredictDeps {
  readonly clock: Clock
  readonly decisionIds: DecisionIds
  readonly signingKeys: ReadonlyMap<string, SignText>
  readonly pseudonym: (unitId: string) => UnitPseudonym
  readonly recorder: DecisionRecorder
}

/**
 * Decides, asks the model, writes the decision to the log, and only then answers: a killed process has logged what it answered.
 *
 * Every decision is logged, whatever becomes of it: answered, answered by the fallback, by nobody, or for a caller who has gone. That includes
 * features which the chosen model can't score: whether they can be scored depends on the model that was drawn, so that leaving such requests
 * out would bend the ratio of decisions.
 *
 * @throws GatewayError `validation_failed` for an unknown or disabled forced variant: nothing was decided
 */
export function createPredict(deps: PredictDeps): (command: PredictCommand) => Promise<Prediction> {
  const { clock, decisionIds, pseudonym, recorder, signingKeys } = deps
  const decisionLine = createDecisionLines()

  return async (command) => {
    const { snapshot, endpoints } = command.served
    const { experiment } = snapshot
    const startedMs = clock.monotonicMs()
    const now = clock.now()
    const decisionId = decisionIds(now)
    const choice = decide(snapshot, {
      decisionId,
      unitId: command.unitId,
      context: command.context,
      forcedIndex: forcedIndex(snapshot, command.forcedVariant),
    })
    const decidedMs = clock.monotonicMs()

    const asked = askModel(
      {
        call: {
          instances: command.instances,
          payload: command.payload,
          decisionId,
          experiment: experiment.id,
          variant: choice.variant,
          traceHeaders: command.traceHeaders,
          timeoutMs: command.deadlineMs,
        },
        variants: experiment.variants,
        endpoints,
        ladder: snapshot.ladders[choice.index] as readonly number[],
        takesOpaque: command.takesOpaque,
        deadlineAtMs: startedMs + command.deadlineMs,
      },
      clock,
    )
    const answer = asked instanceof Promise ? await asked : asked
    const learn = choice.learn && (answer.error === null || experiment.reward.failures === "count")
    const text = choiceText(snapshot, choice, learn)
    const unit = pseudonym(command.unitId ?? decisionId)
    const token = signToken(text.token, unit.group, decisionId, signingKeys.get(snapshot.keyId) as SignText)
    const answeredMs = clock.monotonicMs()

    const line = decisionLine({
      snapshot,
      text,
      decisionId,
      at: now,
      unit,
      command,
      answer,
      latencyMs: answeredMs - startedMs,
    })
    await recorder.recordDecision(line, {
      experiment: experiment.id,
      choice: text.facts,
      second: Math.floor(now / 1000),
      group: unit.group,
      unit: unit.unit,
      failed: answer.error !== null,
      call: callKindOf(answer.asked[0] as AskedVariant),
    })
    return {
      snapshot,
      choice,
      decisionId,
      token,
      answer,
      degraded: answer.answered && answer.servedIndex !== choice.index,
      decideMs: decidedMs - startedMs,
      backendMs: answeredMs - decidedMs,
    }
  }
}

function forcedIndex(snapshot: Snapshot, variant: string | undefined): number | undefined {
  if (variant === undefined) return undefined
  const { variants } = snapshot.experiment
  const index = variants.findIndex(({ id, enabled }) => id === variant && enabled)
  if (index >= 0) return index
  const known = variants.filter(({ enabled }) => enabled).map(({ id }) => id)
  throw new GatewayError("validation_failed", {
    detail: "The variant can't be forced.",
    errors: [{ pointer: "/variant", detail: `must be one of the experiment's enabled variants: ${known.join(", ")}` }],
  })
}
