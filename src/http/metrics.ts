import { Counter, Histogram, Registry } from "prom-client"
import type { Prediction } from "../app/predict.ts"
import type { RewardReceipt } from "../app/reward.ts"
import { createUnknownFeatureCount, LOOK_EVERY } from "../app/unknown-features.ts"
import { GatewayError } from "../domain/errors.ts"
import type { Features, ModelEndpoint } from "../ports/model-endpoint.ts"
import { type Readings, watchReadings } from "./gauges.ts"
import type { ShedCause } from "./overload/admission.ts"
import type { Partition } from "./overload/partition.ts"
import { shedCode } from "./overload/shed-answer.ts"

/** Seconds. From 100 µs, since an embedded prediction takes less than a millisecond. */
const LATENCY_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** Everything that is to be shown, in Prometheus' text format. */
type Expose = () => Promise<string>

/** What becomes of requests, as `/metrics` shows it. Label children are kept in maps: looking a child up by its labels costs more than counting. */
export class Metrics {
  readonly registry = new Registry()
  readonly #decisions: Counter<"experiment" | "variant" | "reason">
  readonly #rewards: Counter<"answer">
  readonly #fallbacks: Counter<"experiment" | "reason">
  readonly #unanswered: Counter<"experiment" | "reason">
  readonly #requestSeconds: Histogram<"route">
  readonly #problems: Counter<"code">
  readonly #macros: Counter
  readonly #shed: Counter<"partition" | "cause">
  readonly #unknownFeatures: Counter<"experiment">
  readonly #countUnknownFeatures = createUnknownFeatureCount()
  readonly #decisionChildren = new Map<string, Map<string, Counter.Internal>>()
  readonly #expose: Expose
  #exposition: Promise<Uint8Array> | undefined
  readonly #latencyChildren = new Map<string, Histogram.Internal<"route">>()

  /** @param expose what a scrape gets. Default: everything in the registry */
  constructor(readings: Readings = {}, expose: Expose = () => this.registry.metrics()) {
    this.#expose = expose
    const registers = [this.registry]
    this.#decisions = new Counter({
      name: "bandit_decisions_total",
      help: "Decisions made, answered or not, by experiment, variant and reason",
      labelNames: ["experiment", "variant", "reason"],
      registers,
    })
    this.#rewards = new Counter({
      name: "bandit_rewards_total",
      help: "Reward postbacks by answer: applied, duplicate, accepted, or a problem's code",
      labelNames: ["answer"],
      registers,
    })
    this.#fallbacks = new Counter({
      name: "bandit_fallbacks_total",
      help: "Decisions that the fallback variant answered, by why the chosen one did not",
      labelNames: ["experiment", "reason"],
      registers,
    })
    this.#unanswered = new Counter({
      name: "bandit_unanswered_total",
      help: "Decisions that no variant answered, by why the chosen one did not",
      labelNames: ["experiment", "reason"],
      registers,
    })
    this.#problems = new Counter({
      name: "bandit_problems_total",
      help: "Problem documents answered outside /reward, by code",
      labelNames: ["code"],
      registers,
    })
    this.#macros = new Counter({
      name: "bandit_reward_tokens_malformed_total",
      help: "Postbacks without a readable token, unexpanded ad-server macros among them",
      registers,
    })
    this.#shed = new Counter({
      name: "bandit_shed_total",
      help: "Requests refused unread because the gateway was overloaded, by partition and cause",
      labelNames: ["partition", "cause"],
      registers,
    })
    this.#unknownFeatures = new Counter({
      name: "bandit_unknown_features_total",
      help: `Features that no variant's model reads, in one of ${LOOK_EVERY} predictions, the first of an experiment included`,
      labelNames: ["experiment"],
      registers,
    })
    this.#requestSeconds = new Histogram({
      name: "bandit_request_seconds",
      help: "Time from a request's handler to its answer",
      labelNames: ["route"],
      buckets: LATENCY_BUCKETS,
      registers,
    })
    watchReadings(this.registry, readings)
  }

  /** Everything in Prometheus' text format. Scrapes that come while one is under way get the same. */
  exposition(): Promise<Uint8Array> {
    this.#exposition ??= this.#expose()
      .then((text) => new TextEncoder().encode(text))
      .finally(() => {
        this.#exposition = undefined
      })
    return this.#exposition
  }

  predicted(prediction: Prediction, endpoints: readonly ModelEndpoint[], instances: readonly Features[]): void {
    const { choice, snapshot, answer } = prediction
    const { id } = snapshot.experiment
    this.#decisionChild(id, choice.variant, choice.reason).inc()
    const unknown = this.#countUnknownFeatures(endpoints, instances)
    if (unknown > 0) this.#unknownFeatures.inc({ experiment: id }, unknown)
    if (!answer.answered) this.#unanswered.inc({ experiment: id, reason: answer.error })
    else if (answer.error !== null) this.#fallbacks.inc({ experiment: id, reason: answer.error })
  }

  rewarded(outcome: RewardReceipt | GatewayError): void {
    const answer = outcome instanceof GatewayError ? outcome.code : outcome.status
    this.#rewards.inc({ answer })
    if (answer === "token_malformed") this.#macros.inc()
  }

  answeredProblem(code: string): void {
    this.#problems.inc({ code })
  }

  /** A request was refused unread. */
  shed(partition: Partition, cause: ShedCause): void {
    this.#shed.inc({ partition, cause })
    if (partition !== "reward") this.answeredProblem(shedCode(partition))
  }

  /** @param seconds from the handler's start to its answer */
  observe(route: string, seconds: number): void {
    let child = this.#latencyChildren.get(route)
    if (child === undefined) {
      child = this.#requestSeconds.labels({ route })
      this.#latencyChildren.set(route, child)
    }
    child.observe(seconds)
  }

  #decisionChild(experiment: string, variant: string, reason: string): Counter.Internal {
    let children = this.#decisionChildren.get(experiment)
    if (children === undefined) {
      children = new Map()
      this.#decisionChildren.set(experiment, children)
    }
    const name = `${variant} ${reason}`
    let child = children.get(name)
    if (child === undefined) {
      child = this.#decisions.labels({ experiment, variant, reason })
      children.set(name, child)
    }
    return child
  }
}
