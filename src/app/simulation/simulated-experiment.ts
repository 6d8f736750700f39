import { type DocumentIssue, parseShape } from "../../domain/document-issues.ts"
import { type Experiment, experimentSchema, type ParsedExperiment, parseExperiment } from "../../domain/experiment.ts"
import { largestReward } from "./simulated-world.ts"
import { attributionWindowOf, type Scenario } from "./simulation-scenario.ts"

/** What an experiment document says beside its variants: the policy, how it learns and forgets. In the words of documents, not checked yet. */
export interface ExperimentSettings {
  readonly policy: unknown
  readonly memory?: unknown
  readonly stickiness?: unknown
  /**
   * When left out: `window` where rewards come after a `delay`, or a batch later, so that nothing is known of a decision before. Where they have
   * a `meanDelay`, `none`, as in documents.
   */
  readonly maturation?: unknown
  readonly failures?: unknown
}

/**
 * The experiment that plays a scenario. Its seconds are the scenario's decisions, so that windows may be longer, or shorter, than documents are
 * allowed: under `window` one of 0 waits until the second, and with it the batch, is over.
 *
 * @returns what is wrong with the settings, by their place in a document, where they are no experiment
 */
export function simulatedExperiment(scenario: Scenario, settings: ExperimentSettings): ParsedExperiment {
  const parsed = parseExperiment(documentOf(scenario, settings))
  if (!parsed.ok) return parsed
  const { experiment } = parsed
  return {
    ok: true,
    experiment: {
      ...experiment,
      memory: inDecisions(experiment.memory, scenario.decisionsPerSecond),
      reward: { ...experiment.reward, attributionWindowSeconds: attributionWindowOf(scenario) },
    },
  }
}

/** What is wrong with settings in themselves, whatever they will play: by their place in a document. */
export function settingsIssues(settings: ExperimentSettings): readonly DocumentIssue[] {
  const parsed = parseShape(experimentSchema, documentOf(ANY_SCENARIO, settings))
  return parsed.ok ? [] : parsed.issues
}

const ANY_SCENARIO: Scenario = {
  id: "any",
  T: 1,
  batch: 1,
  delay: 0,
  decisionsPerSecond: 1,
  segments: [[0, [0]]],
  checkpoints: [],
}

/** The experiment after an edit that lets variants come and go: those of a segment with a rate are enabled. */
export function withVariants(experiment: Experiment, present: readonly boolean[]): Experiment {
  return {
    ...experiment,
    variants: experiment.variants.map((variant, index) => ({ ...variant, enabled: present[index] === true })),
  }
}

function documentOf(scenario: Scenario, { maturation, failures, ...settings }: ExperimentSettings): unknown {
  const rates = scenario.segments[0]?.[1] ?? []
  // With a batch of one and no delay no decision is ever open, and both are the same.
  const waits = scenario.meanDelay === undefined && (scenario.delay > 0 || scenario.batch > 1)
  const learnedFrom = maturation ?? (waits ? "window" : undefined)
  const isValue = scenario.rewards !== undefined
  return {
    id: "simulated",
    variants: rates.map((rate, index) => ({
      id: String(index),
      enabled: rate !== null,
      backend: { kind: "embedded", model: `model-${index}` },
    })),
    control: "0",
    reward: {
      ...(isValue ? { kind: "value", bounds: [0, largestReward(scenario)] } : {}),
      ...(learnedFrom === undefined ? {} : { maturation: learnedFrom }),
      ...(failures === undefined ? {} : { failures }),
    },
    ...settings,
  }
}

function inDecisions(memory: Experiment["memory"], decisionsPerSecond: number): Experiment["memory"] {
  if (memory.kind === "window") return { kind: "window", seconds: memory.seconds * decisionsPerSecond }
  if (memory.kind === "discount") {
    return { kind: "discount", halfLifeSeconds: memory.halfLifeSeconds * decisionsPerSecond }
  }
  return memory
}
