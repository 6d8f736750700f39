import type { Experiment } from "../domain/experiment.ts"
import type { DecisionId } from "../domain/ids.ts"
import type { Context } from "../domain/plan.ts"
import type { Snapshot } from "../domain/snapshot.ts"
import type { UnitPseudonym } from "../domain/unit.ts"
import type { Features, ModelAnswer } from "../ports/model-endpoint.ts"
import type { Answer } from "./ask-model.ts"
import type { ChoiceText } from "./choice-text.ts"
import { STATIC_ANSWER } from "./static-answer.ts"

interface DecisionFacts {
  readonly snapshot: Snapshot
  readonly text: ChoiceText
  readonly decisionId: DecisionId
  /** Epoch milliseconds. */
  readonly at: number
  readonly unit: UnitPseudonym
  readonly command: {
    readonly instances: readonly Features[]
    readonly context: Context | undefined
    readonly slate: boolean
  }
  readonly answer: Answer
  readonly latencyMs: number
}

/**
 * A writer of `DecisionEvent` lines. What is constant for a choice was serialised with the snapshot; the rest is numbers, ids without
 * characters to escape, and the allow-listed features.
 */
export function createDecisionLines(): (facts: DecisionFacts) => string {
  let lastAt = Number.NaN
  let lastText = ""
  return (facts) => {
    if (facts.at !== lastAt) {
      lastAt = facts.at
      lastText = new Date(facts.at).toISOString()
    }
    const { decisionId, answer, command, text, unit } = facts
    const { experiment, plan } = facts.snapshot
    const context = plan.kind === "fixed" ? "" : `"context":${JSON.stringify(command.context ?? {})},`
    return (
      `{"v":1,"type":"decision","eventId":"d-${decisionId}","at":"${lastText}",${text.membersBefore},` +
      `"decisionId":"${decisionId}","unit":"${unit.unit}","group":${unit.group},${text.membersAfter},"features":${loggedFeatures(experiment, command)},${context}` +
      `${answerMembers(experiment, answer, command.slate)},` +
      `"latencyMs":${Math.round(facts.latencyMs * 1000) / 1000},"error":${JSON.stringify(answer.error)},"asked":${askedText(answer)}}`
    )
  }
}

function answerMembers(experiment: Experiment, answer: Answer, slate: boolean): string {
  if (!answer.answered) return '"prediction":null,"model":null,"servedBy":null'
  const { endpoint, servedIndex } = answer
  const servedBy = experiment.variants[servedIndex]?.id ?? STATIC_ANSWER
  return `"prediction":${loggedPrediction(answer.result, slate)},"model":${JSON.stringify(endpoint.model)},"servedBy":"${servedBy}"`
}

/** Names of variants and targets have no characters to escape. */
function askedText({ asked }: Answer): string {
  const rungs = asked.map(({ variant, target, status, error, ms }) => {
    const server = target === undefined ? "" : `,"target":"${target}"`
    const answered = status === undefined ? "" : `,"status":${status}`
    return `{"variant":"${variant}"${server}${answered}${error === undefined ? "" : `,"error":"${error}"`},"ms":${ms}}`
  })
  return `[${rungs.join()}]`
}

/** Null for an answer that only the caller can read. */
function loggedPrediction(result: ModelAnswer, slate: boolean): string {
  if (result.kind !== "scores") return "null"
  return slate || result.scores.length > 1 ? `[${result.scores.join()}]` : String(result.scores[0])
}

function loggedFeatures(experiment: Experiment, command: DecisionFacts["command"]): string {
  const names = experiment.logFeatures
  if (names.length === 0) return "null"
  const picked = command.instances.map((instance) =>
    Object.fromEntries(names.filter((name) => Object.hasOwn(instance, name)).map((name) => [name, instance[name]])),
  )
  return JSON.stringify(command.slate ? picked : (picked[0] ?? null))
}
