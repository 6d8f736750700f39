/**
 * A client of bandit-gateway for TypeScript, in one file and without dependencies. Written by scripts/write-client.ts from the OpenAPI
 * document: change that, not this.
 */

/** What a call is answered with, where all went well. */
export interface Answer<Body> {
  readonly status: number
  /** Of a document: what an edit of it sends as ifMatch. */
  readonly etag: string | undefined
  readonly body: Body
}

/** What the gateway refuses, with the problem document that says why. */
export class GatewayProblem extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    const errors = (problem.errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`)
    super([problem.title, ...(problem.detail === undefined ? [] : [problem.detail]), ...errors].join("\n"))
    this.name = "GatewayProblem"
    this.problem = problem
  }
}

export interface ClientOptions {
  /** Where the gateway is: `http://127.0.0.1:8080`. */
  readonly address: string
  /** An API key, where the gateway has any. */
  readonly key?: string | undefined
  /** Of a whole call, milliseconds. Default: 5000. */
  readonly timeoutMs?: number
}

export type PredictRequest = FeatureRequest & {
  readonly experiment?: string | undefined
  readonly variant?: string | undefined
}

/** Feature name to value: text, finite numbers within ±(2^53 - 1), booleans */
export type Features = Readonly<Record<string, string | number | boolean>>

export type PredictAnswer = {
  readonly prediction: number
  readonly experiment: string
  /** Rises with every change of the experiment's document */
  readonly revision: number
  /** The variant that was chosen */
  readonly variant: string
  /** The model that answered */
  readonly model: string
  /** A ULID; the join key of the outcome log */
  readonly decisionId: string
  /** The decision token: send it back with the reward */
  readonly decision: string
  /** Probability that the variant was chosen with. Under stickiness request, given everything before the request; under stickiness unit, over the hash for a unit seen for the first time, so that estimates take one row per unit, its first */
  readonly propensity: number
  readonly policy: string
  /** Why this variant was chosen: drawn by the policy or by the burn-in weights, given to a holdout unit, forced, or not running */
  readonly reason: "policy" | "burn_in" | "holdout" | "forced" | "paused"
  /** Whether something else answered than what was chosen */
  readonly degraded: boolean
  /** The variant that answered, where degraded; `_static` where none could */
  readonly servedBy?: string | undefined
  /** Why the chosen variant did not answer, where degraded */
  readonly error?: "deadline_exceeded" | "backend_failed" | "backend_unavailable" | "wrong_shape" | "not_taken" | undefined
} | {
  readonly predictions: readonly number[]
  readonly experiment: string
  /** Rises with every change of the experiment's document */
  readonly revision: number
  /** The variant that was chosen */
  readonly variant: string
  /** The model that answered */
  readonly model: string
  /** A ULID; the join key of the outcome log */
  readonly decisionId: string
  /** The decision token: send it back with the reward */
  readonly decision: string
  /** Probability that the variant was chosen with. Under stickiness request, given everything before the request; under stickiness unit, over the hash for a unit seen for the first time, so that estimates take one row per unit, its first */
  readonly propensity: number
  readonly policy: string
  /** Why this variant was chosen: drawn by the policy or by the burn-in weights, given to a holdout unit, forced, or not running */
  readonly reason: "policy" | "burn_in" | "holdout" | "forced" | "paused"
  /** Whether something else answered than what was chosen */
  readonly degraded: boolean
  /** The variant that answered, where degraded; `_static` where none could */
  readonly servedBy?: string | undefined
  /** Why the chosen variant did not answer, where degraded */
  readonly error?: "deadline_exceeded" | "backend_failed" | "backend_unavailable" | "wrong_shape" | "not_taken" | undefined
}

/** A reward of one decision. metric defaults to the one that the experiment learns from, value to 1. */
export type RewardItem = {
  readonly decision: string
  readonly metric?: string | undefined
  readonly value?: number | undefined
  readonly eventId?: string | undefined
  /** Which of the decision's instances it is for, from 0. Logged; no effect on what is counted */
  readonly instance?: number | undefined
  readonly experiment?: string | undefined
}

export type RewardReceipt = {
  /** applied: counted; duplicate: had its effect before; accepted: durable, counted later */
  readonly status: "applied" | "duplicate" | "accepted"
  readonly experiment: string
  readonly variant: string
  readonly decisionId: string
  readonly metric: string
  readonly value: number
}

export type RewardBatchAnswer = {
  /** One per item, in order */
  readonly results: readonly (RewardReceipt | Problem)[]
}

export type FeatureRequest = {
  readonly unitId?: string | undefined
  readonly features?: Features | undefined
  readonly instances?: readonly Features[] | undefined
  readonly context?: Features | undefined
}

export type Experiment = {
  /** What requests and tokens call it; never changes */
  readonly id: string
  /** What other protocols' clients call it beside its id: their endpoint, model or deployment; no other experiment's */
  readonly names?: readonly string[] | undefined
  /** For people */
  readonly description?: string | undefined
  /** Only a running experiment is learned from; the others serve the control */
  readonly status?: "draft" | "running" | "paused" | "concluded" | undefined
  /** When the status changes by itself */
  readonly schedule?: {
    /** A draft runs from then on */
    readonly startAt?: string | undefined
    /** A running or paused experiment is concluded then */
    readonly endAt?: string | undefined
  } | undefined
  /** unit: a unit keeps its variant, and a propensity is that of its first decision; request: every request is drawn anew, and a propensity is that of this very decision */
  readonly stickiness?: "unit" | "request" | undefined
  /** The alternatives */
  readonly variants: readonly {
    /** What decisions, tokens and statistics call it; ids that differ only in case are one */
    readonly id: string
    /** Share in static and burn-in allocations; only ratios matter */
    readonly weight?: number | undefined
    /** A disabled variant is never chosen */
    readonly enabled?: boolean | undefined
    /** What answers for this variant */
    readonly backend: {
      readonly kind: "embedded"
      /** A folder of MODELS_DIR */
      readonly model: string
    } | {
      readonly kind: "http"
      /** A target of TARGETS_FILE */
      readonly target: string
      /** Its name at the server (tensorflow-v1 and open-inference-v2) */
      readonly model?: string | undefined
      /** Its version at the server; the server's choice when left out */
      readonly version?: string | undefined
      /** The most of the request's deadline that this model gets; up to four fifths where others may stand in when left out */
      readonly timeoutMs?: number | undefined
      /** How features become the request; see docs/backends.md */
      readonly request?: {
        /** Named tensors (targets of open-inference-v2 only) */
        readonly inputs?: readonly {
          /** The tensor's name at the server */
          readonly name: string
          /** BYTES for text */
          readonly datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP32" | "FP64" | "BYTES"
          /** Its columns, in order: the tensor has a row for each instance */
          readonly features: readonly string[]
        }[] | undefined
        /** The features to send, in this order; all of them when left out */
        readonly features?: readonly string[] | undefined
        /** What an instance becomes: an object, a list of the values of `features`, or a line of them; object when left out */
        readonly form?: "object" | "row" | "csv" | undefined
        /** JSON around the instances (json and sagemaker): the text "$instances" stands for the list of all, "$instance" for one, and then each instance is a request */
        readonly body?: unknown
      } | undefined
      /** Where the prediction is in the answer */
      readonly response?: {
        /** Which tensor (open-inference-v2); the first when left out */
        readonly output?: string | undefined
        /** Which number of a row of several, from 0; must be given where a row has several */
        readonly column?: number | undefined
        /** JSON pointer to the list of predictions, or to the one prediction of a single instance (json and sagemaker) */
        readonly pointer?: string | undefined
        /** JSON pointer within each item of that list to its number */
        readonly item?: string | undefined
      } | undefined
    } | {
      readonly kind: "sagemaker"
      /** A target of TARGETS_FILE */
      readonly target: string
      /** TargetVariant: a production variant of the endpoint */
      readonly variant?: string | undefined
      /** TargetModel: a model of a multi-model endpoint */
      readonly model?: string | undefined
      /** invoke: real-time and serverless endpoints; async: the answer is where the prediction will be */
      readonly mode?: "invoke" | "async" | undefined
      /** What the model is sent; text/csv where `request.form` is csv, else application/json */
      readonly contentType?: "application/json" | "text/csv" | undefined
      /** The most of the request's deadline that this model gets; up to four fifths where others may stand in when left out */
      readonly timeoutMs?: number | undefined
      /** How features become the request; see docs/backends.md */
      readonly request?: {
        /** Named tensors (targets of open-inference-v2 only) */
        readonly inputs?: readonly {
          /** The tensor's name at the server */
          readonly name: string
          /** BYTES for text */
          readonly datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP32" | "FP64" | "BYTES"
          /** Its columns, in order: the tensor has a row for each instance */
          readonly features: readonly string[]
        }[] | undefined
        /** The features to send, in this order; all of them when left out */
        readonly features?: readonly string[] | undefined
        /** What an instance becomes: an object, a list of the values of `features`, or a line of them; object when left out */
        readonly form?: "object" | "row" | "csv" | undefined
        /** JSON around the instances (json and sagemaker): the text "$instances" stands for the list of all, "$instance" for one, and then each instance is a request */
        readonly body?: unknown
      } | undefined
      /** Where the prediction is in the answer */
      readonly response?: {
        /** Which tensor (open-inference-v2); the first when left out */
        readonly output?: string | undefined
        /** Which number of a row of several, from 0; must be given where a row has several */
        readonly column?: number | undefined
        /** JSON pointer to the list of predictions, or to the one prediction of a single instance (json and sagemaker) */
        readonly pointer?: string | undefined
        /** JSON pointer within each item of that list to its number */
        readonly item?: string | undefined
      } | undefined
    }
  }[]
  /** Reference variant: what holdout units and paused experiments get */
  readonly control: string
  /** Answers when the chosen variant can't; the control when left out */
  readonly fallback?: string | undefined
  /** What is answered when no variant can; without one such requests are refused */
  readonly staticAnswer?: {
    /** The prediction of every instance, for callers whose request the gateway read */
    readonly prediction?: number | undefined
    /** The body for callers whose request it passed through */
    readonly body?: string | undefined
    /** Of that body */
    readonly contentType?: string | undefined
  } | undefined
  /** The rule that turns statistics into an allocation; docs/policies has a page on each */
  readonly policy: {
    readonly kind: "static"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  } | {
    /** Share that explores, 0.1 unless `decay` is given */
    readonly epsilon?: number | undefined
    /** c of a falling share min(1, c / n), n decisions so far */
    readonly decay?: number | undefined
    readonly kind: "epsilon-greedy"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  } | {
    /** Beta prior of a rate: successes and failures seen beforehand */
    readonly prior?: {
      /** Successes seen beforehand */
      readonly alpha?: number | undefined
      /** Failures seen beforehand */
      readonly beta?: number | undefined
    } | undefined
    readonly kind: "thompson"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  } | {
    /** Normal-inverse-gamma prior: mean, weight of the mean in decisions, shape and scale of the variance */
    readonly prior?: {
      /** Mean reward expected beforehand; that of all arms unless given */
      readonly mean?: number | undefined
      /** How many decisions that mean is worth */
      readonly kappa?: number | undefined
      /** Shape of the variance beforehand; unless given half the decisions of an average arm, 1 to 500, and 1 beside a given `beta` */
      readonly alpha?: number | undefined
      /** Scale of the variance beforehand; `alpha` times the variance of all rewards unless given */
      readonly beta?: number | undefined
    } | undefined
    readonly kind: "thompson-gaussian"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  } | {
    readonly kind: "ucb1"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  } | {
    readonly kind: "ucb1-tuned"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  } | {
    /** Weight of ln ln N in the bound: 3 in theory, 0 in practice */
    readonly c?: number | undefined
    readonly kind: "kl-ucb"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  } | {
    /** In units of the reward: high is uniform, low is greedy */
    readonly temperature?: number | undefined
    readonly kind: "softmax"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  } | {
    /** Beta prior of a rate: successes and failures seen beforehand */
    readonly prior?: {
      /** Successes seen beforehand */
      readonly alpha?: number | undefined
      /** Failures seen beforehand */
      readonly beta?: number | undefined
    } | undefined
    /** Share of decisions that follow the first draw */
    readonly beta?: number | undefined
    readonly kind: "top-two"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  } | {
    /** Id of the variant on trial */
    readonly challenger: string
    /** Its share of the traffic */
    readonly share: number
    readonly kind: "canary"
    /** Least probability of every enabled variant */
    readonly minPropensity?: number | undefined
    /** Decisions that each variant gets by the weights before the policy decides about it */
    readonly burnInDecisions?: number | undefined
    /** Largest share that variants in their burn-in take together beside others */
    readonly newcomerShare?: number | undefined
  }
  /** The metric that the policy learns from */
  readonly reward?: {
    /** What a reward is called; postbacks may leave it out */
    readonly metric?: string | undefined
    /** binary: exactly 0 or 1; value: any number within the bounds */
    readonly kind?: "binary" | "value" | undefined
    /** Smallest and largest reward accepted; under sum also of what one decision adds up to */
    readonly bounds?: readonly number[] | undefined
    /** How several rewards of one decision become its one effect */
    readonly aggregation?: "first" | "last" | "sum" | "max" | undefined
    /** Later rewards are logged, not counted; after twice the longest window the decision's token has expired */
    readonly attributionWindowSeconds?: number | undefined
    /** When a decision without a reward counts as a failure: at once, when its attribution window has closed, or by the share of rewards that should have come at its age */
    readonly maturation?: "none" | "window" | "expected" | undefined
    /** Whether decisions that the chosen variant did not answer are learned from: a variant that fails a third of its requests earns that much less */
    readonly failures?: "count" | "exclude" | undefined
  } | undefined
  /** Further metrics that rewards may name */
  readonly metrics?: readonly {
    /** What a reward of it is called */
    readonly id: string
    /** Counted and reported, not learned from */
    readonly role?: "secondary" | undefined
    /** binary: exactly 0 or 1; value: any number within the bounds */
    readonly kind?: "binary" | "value" | undefined
    /** Smallest and largest reward accepted; under sum also of what one decision adds up to */
    readonly bounds?: readonly number[] | undefined
    /** How several rewards of one decision become its one effect */
    readonly aggregation?: "first" | "last" | "sum" | "max" | undefined
    /** Later rewards are logged, not counted; after twice the longest window the decision's token has expired */
    readonly attributionWindowSeconds?: number | undefined
  }[] | undefined
  /** Which decisions the policy looks back on */
  readonly memory?: {
    readonly kind: "all"
  } | {
    readonly kind: "window"
    /** Older decisions are forgotten */
    readonly seconds: number
  } | {
    readonly kind: "discount"
    /** A decision of this age counts half */
    readonly halfLifeSeconds: number
  } | undefined
  /** How often the allocation follows the counters */
  readonly refreshSeconds?: number | undefined
  /** Of a whole request, where the caller doesn't ask for another */
  readonly deadlineMs?: number | undefined
  /** Share of units kept on control and never learned from */
  readonly holdout?: number | undefined
  /** Experiments with the same salt hold out the same units; each has a holdout of its own when left out */
  readonly holdoutSalt?: string | undefined
  /** Features copied into decision events */
  readonly logFeatures?: readonly string[] | undefined
  /** Must be an empty list: guardrails are not supported yet */
  readonly guardrails?: readonly unknown[] | undefined
}

/** Members of an Experiment; null takes one away */
export type ExperimentPatch = Readonly<Record<string, unknown>>

export type ExperimentEdit = {
  readonly experiment: string
  readonly dryRun: boolean
  /** In force after the edit; of a dry run, now. 0: there never was one */
  readonly revision: number
  /** None: there is no new revision, unless statistics begin anew */
  readonly changes: readonly {
    /** policy.minPropensity, variants.champion.weight; empty for a whole document */
    readonly path: string
    /** null where the document said nothing */
    readonly before: unknown
    /** null where it says nothing now */
    readonly after: unknown
  }[]
  /** Probability by variant while the experiment runs; null where there is none, or counters can't be read */
  readonly allocation: {
    readonly before: Readonly<Record<string, number>> | null
    readonly after: Readonly<Record<string, number>> | null
  }
  /** What becomes of each variant's statistics: a higher number begins them anew */
  readonly series: readonly {
    readonly variant: string
    /** 0 for a variant that there never was */
    readonly before: number
    readonly after: number
    readonly why: "kept" | "kept_on_request" | "new_variant" | "came_back" | "backend_changed" | "model_replaced" | "metric_changed" | "reset"
  }[]
  /** Whether the traffic is divided otherwise, so that rates are compared anew */
  readonly beginsEpoch: boolean
  /** What is valid and probably not meant */
  readonly warnings: readonly {
    /** RFC 6901, into the document */
    readonly pointer: string
    readonly detail: string
  }[]
}

export type ExperimentHistory = {
  readonly experiment: string
  readonly revisions: readonly {
    readonly revision: number
    readonly at: string
    readonly actor: string
    /** Where the document came from */
    readonly source: "folder" | "api"
    readonly reason?: string | undefined
    /** The status in the file, which a pause over the API holds back until it is resumed */
    readonly held?: "draft" | "running" | "paused" | undefined
    readonly deleted: boolean
    /** One line a place */
    readonly diff: readonly string[]
    readonly series: Readonly<Record<string, number>>
    readonly epoch: number
  }[]
  /** Where there are more */
  readonly nextCursor?: string | undefined
}

export type ExperimentDiff = {
  readonly experiment: string
  readonly from: number
  readonly to: number
  readonly changes: readonly {
    /** policy.minPropensity, variants.champion.weight; empty for a whole document */
    readonly path: string
    /** null where the document said nothing */
    readonly before: unknown
    /** null where it says nothing now */
    readonly after: unknown
  }[]
  /** Variants whose statistics are other ones */
  readonly series: readonly {
    readonly variant: string
    readonly before: number
    readonly after: number
  }[]
}

export type AuditPage = {
  readonly lines: readonly {
    /** SHA-256 of the line before, in hex */
    readonly prev: string
    readonly seq: number
    /** Id of this gateway's trail */
    readonly chain: string
    readonly at: string
    readonly actor: string
    readonly action: string
    readonly subject: string
    /** done: written before the change acts; failed: that change did not come about; refused: nothing was attempted */
    readonly outcome: "done" | "failed" | "refused"
    readonly revision?: number | undefined
    readonly diff?: readonly string[] | undefined
    readonly reason?: string | undefined
    /** Why it failed or was refused: the code of a problem */
    readonly code?: string | undefined
  }[]
  /** Where there are more */
  readonly nextCursor?: string | undefined
}

export type ExperimentList = {
  readonly experiments: readonly {
    readonly id: string
    readonly description: string
    readonly status: "draft" | "running" | "paused" | "concluded"
    /** Rises with every change of the experiment's document */
    readonly revision: number
    readonly policy: string
    readonly variants: readonly string[]
  }[]
  /** Where there are more */
  readonly nextCursor?: string | undefined
}

export type Statistics = {
  readonly experiment: string
  /** Rises with every change of the experiment's document */
  readonly revision: number
  readonly status: "draft" | "running" | "paused" | "concluded"
  readonly policy: string
  /** The moment of every number here */
  readonly asOf: string
  /** Rises whenever a counter of the experiment changes */
  readonly stateVersion: number
  /** Logs of which something is missing in counters that were lost and restored; absent where they are whole */
  readonly partial?: readonly string[] | undefined
  /** State version that the allocation was made from: behind stateVersion until the next refresh */
  readonly allocationStateVersion: number
  readonly variants: readonly {
    readonly id: string
    /** Rises when what these numbers measure changes: older ones are not mixed in */
    readonly series: number
    /** Decisions that are learned from */
    readonly decisions: number
    /** Different units among them, estimated with a standard error of 3 per cent */
    readonly units: number
    /** Rewards that were applied */
    readonly rewards: number
    readonly sum: number
    readonly sumSq: number
    /** Mean reward of the matured decisions, the same that probabilityBest is of */
    readonly rate: number
    /** Probability of the variant now */
    readonly allocation: number
    /** Posterior probability of having the largest mean reward */
    readonly probabilityBest: number
    /** Decisions the policy counts now, after memory and maturation */
    readonly matured: number
    /** Decisions whose attribution window is still open */
    readonly pending: number
    /** Drawn decisions left out of learning because nobody or another variant answered */
    readonly excluded: number
    /** How the variant answered the decisions that chose it, whoever answered instead: of this series, in the last two weeks. Forced ones, and those of a pause, are not counted */
    readonly calls: {
      readonly answered: number
      readonly failed: number
      /** Failed ones by why; status_4xx: its server refused with a status from 400 to 499 */
      readonly failures: Readonly<Record<string, number>>
      /** So many of a hundred answers took at most so long, rounded up by at most 19 per cent; null: none came */
      readonly latencyMs: {
        readonly p50: number
        readonly p90: number
        readonly p99: number
      } | null
      /** By five minutes, the oldest first; the last is not over */
      readonly lastHour: readonly {
        readonly from: string
        readonly answered: number
        readonly failed: number
        /** Failed ones by why; status_4xx: its server refused with a status from 400 to 499 */
        readonly failures: Readonly<Record<string, number>>
        /** So many of a hundred answers took at most so long, rounded up by at most 19 per cent; null: none came */
        readonly latencyMs: {
          readonly p50: number
          readonly p90: number
          readonly p99: number
        } | null
      }[]
    }
    /** How calls to the variant's target go; null for a model in this process */
    readonly target: {
      readonly target: string
      /** open: left alone for a while, since it failed */
      readonly circuit: "closed" | "open" | "half_open"
      /** What was wrong with the last call, where something was */
      readonly lastFailure?: string | undefined
    } | null
  }[]
  /** Units kept on the control, by the variant that was the control; never learned from */
  readonly holdout: readonly {
    readonly id: string
    readonly decisions: number
    readonly rewards: number
    readonly sum: number
    readonly sumSq: number
    readonly rate: number
  }[]
  /** Metrics that are counted and not learned from */
  readonly metrics: readonly {
    readonly id: string
    readonly variants: readonly {
      readonly id: string
      readonly rewards: number
      readonly sum: number
      readonly sumSq: number
      /** Sum over all decisions of the variant */
      readonly rate: number
    }[]
  }[]
}

export type Allocation = {
  readonly experiment: string
  /** Rises with every change of the experiment's document */
  readonly revision: number
  /** Rises whenever a counter of the experiment changes */
  readonly stateVersion: number
  readonly policy: string
  /** burn_in: every enabled variant is in its burn-in, and the weights hold */
  readonly reason: "policy" | "burn_in"
  /** Variants in their burn-in, which get their shares by the weights */
  readonly newcomers: readonly string[]
  /** Variant id to probability; they sum to 1 */
  readonly allocation: Readonly<Record<string, number>>
}

export type Explanation = {
  readonly experiment: string
  /** Rises with every change of the experiment's document */
  readonly revision: number
  /** Rises whenever a counter of the experiment changes */
  readonly stateVersion: number
  readonly unitId: string
  readonly status: "draft" | "running" | "paused" | "concluded"
  readonly stickiness: "unit" | "request"
  readonly policy: string
  /** Why this variant was chosen: drawn by the policy or by the burn-in weights, given to a holdout unit, forced, or not running */
  readonly reason: "policy" | "burn_in" | "holdout" | "forced" | "paused"
  readonly variant: string
  /** Probability that the variant was chosen with. Under stickiness request, given everything before the request; under stickiness unit, over the hash for a unit seen for the first time, so that estimates take one row per unit, its first */
  readonly propensity: number
  readonly learn: boolean
  readonly explanation: string
  readonly variants: readonly {
    readonly id: string
    readonly enabled: boolean
    readonly allocation: number
    /** -ln(h) / allocation, h a hash of unit and variant; the smallest is chosen */
    readonly score: unknown
    /** Names of the features that the variant's model reads; null where the model can't tell */
    readonly knownFeatures: (readonly string[]) | null
    /** How the variant's target is asked; null for a model in this process, or one that only bodies are passed to */
    readonly request: {
      readonly target: string
      readonly protocol: string
      readonly method: string
      readonly path: string
      readonly headers: Readonly<Record<string, string>>
      /** Of one instance; `<name>` stands where the value of a feature goes */
      readonly body: string
    } | null
    /** What the model's server said of it when it was last asked; null where its protocol has no metadata */
    readonly server: {
      /** Null where it didn't say */
      readonly signature: {
        readonly inputs: readonly {
          readonly name: string
          /** Empty where the server doesn't say */
          readonly datatype: string
          /** -1 for a length that varies; the first is that of the batch */
          readonly shape: readonly number[]
          /** Names of its columns, where the server says them */
          readonly columns?: readonly string[] | undefined
        }[]
        readonly outputs: readonly {
          readonly name: string
          /** Empty where the server doesn't say */
          readonly datatype: string
          /** -1 for a length that varies; the first is that of the batch */
          readonly shape: readonly number[]
          /** Names of its columns, where the server says them */
          readonly columns?: readonly string[] | undefined
        }[]
      } | null
      /** Where the document declares something else */
      readonly misfits: readonly {
        /** RFC 6901, into the variant's backend */
        readonly pointer: string
        readonly detail: string
      }[]
      /** Why the server didn't say */
      readonly unread?: string | undefined
    } | null
  }[]
}

/** An API key to be made. */
export type KeyWish = {
  /** For people: it stands in history and audit. Several keys may have the same one */
  readonly name: string
  /** What the key may do. None of them includes another */
  readonly permissions: readonly ("predict" | "force" | "view" | "edit" | "admin")[]
  /** Ids of the experiments that it is for, whether there are any of that name yet. Left out: all */
  readonly experiments?: readonly string[] | undefined
  /** How often it may be used at each gateway; a second's worth at once. Left out: without a limit */
  readonly requestsPerSecond?: number | undefined
  /** From when on it is refused. Left out: never */
  readonly expiresAt?: string | undefined
}

export type MadeKey = {
  readonly key: {
    /** What it is revoked by */
    readonly id: string
    readonly name: string
    readonly permissions: readonly ("predict" | "force" | "view" | "edit" | "admin")[]
    /** Ids of the experiments that it is for; null: all */
    readonly experiments: (readonly string[]) | null
    /** How often it may be used at each gateway; null: without a limit */
    readonly requestsPerSecond: unknown
    readonly createdAt: string
    /** Name of the key or user that made it */
    readonly createdBy: string
    /** From when on it is refused; null: never */
    readonly expiresAt: string | null
    /** To the minute; null: not yet */
    readonly lastUsedAt: string | null
  }
  /** What to send as Authorization: Bearer. Shown this once, and kept nowhere */
  readonly secret: string
}

export type KeyList = {
  /** Made under /admin/keys and not revoked, the oldest first */
  readonly keys: readonly {
    /** What it is revoked by */
    readonly id: string
    readonly name: string
    readonly permissions: readonly ("predict" | "force" | "view" | "edit" | "admin")[]
    /** Ids of the experiments that it is for; null: all */
    readonly experiments: (readonly string[]) | null
    /** How often it may be used at each gateway; null: without a limit */
    readonly requestsPerSecond: unknown
    readonly createdAt: string
    /** Name of the key or user that made it */
    readonly createdBy: string
    /** From when on it is refused; null: never */
    readonly expiresAt: string | null
    /** To the minute; null: not yet */
    readonly lastUsedAt: string | null
  }[]
  /** Keys of the setting API_KEYS: in force until the gateway is started without them */
  readonly configured: readonly {
    readonly name: string
    readonly permissions: readonly ("predict" | "force" | "view" | "edit" | "admin")[]
  }[]
}

export type Problem = {
  /** A path of this gateway, where a page explains the problem */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: "bad_request" | "invalid_json" | "validation_failed" | "not_an_object" | "unauthorized" | "forbidden" | "rate_limited" | "keys_not_managed" | "too_many_keys" | "identity_unavailable" | "not_found" | "experiment_not_found" | "experiment_gone" | "revision_not_served" | "method_not_allowed" | "not_acceptable" | "request_timeout" | "payload_too_large" | "uri_too_long" | "headers_too_large" | "unsupported_media_type" | "unsupported_encoding" | "expectation_failed" | "misdirected" | "transfer_coding_unsupported" | "http_version_unsupported" | "overloaded" | "admin_busy" | "origin_not_allowed" | "features_invalid" | "token_malformed" | "token_invalid" | "token_expired" | "reward_out_of_range" | "reward_out_of_window" | "backend_failed" | "backend_unavailable" | "wrong_shape" | "not_taken" | "deadline_exceeded" | "revision_conflict" | "precondition_required" | "precondition_failed" | "transition_refused" | "experiment_managed" | "too_many_experiments" | "audit_unavailable" | "log_unavailable" | "store_unavailable" | "config_invalid" | "not_configured" | "not_implemented" | "internal"
  /** What was wrong with this request */
  readonly detail?: string | undefined
  readonly errors?: readonly {
    /** RFC 6901, into the body */
    readonly pointer: string
    readonly detail: string
  }[] | undefined
}

export type Liveness = {
  readonly status: "ok"
}

export type RootLiveness = {
  readonly status: "alive"
}

export type Healthcheck = {
  readonly health: "ok"
}

export type Readiness = {
  readonly ready: boolean
  /** State of each part; only a required one keeps the whole from being ready */
  readonly parts: Readonly<Record<string, {
    readonly ready: boolean
    readonly required: boolean
    readonly detail?: string | undefined
  }>>
}

/** An Experiment with its revision, defaults filled in */
export type PublishedExperiment = Experiment & {
  readonly revision: number
}

/** Every call of the HTTP interface. */
export class GatewayClient {
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** Choose a variant and predict with it. */
  predict(given: {
    readonly xDeadlineMs?: number | undefined,
    readonly body: PredictRequest | Features,
  }): Promise<Answer<PredictAnswer>> {
    return this.#send("POST", "/predict", {
      headers: { "x-deadline-ms": given.xDeadlineMs },
      body: given.body,
      json: "application/json",
    })
  }

  /** The same, the experiment named by the path. */
  predictFor(given: {
    readonly experiment: string,
    readonly xDeadlineMs?: number | undefined,
    readonly body: PredictRequest | Features,
  }): Promise<Answer<PredictAnswer>> {
    return this.#send("POST", `/predict/${encodeURIComponent(given.experiment)}`, {
      headers: { "x-deadline-ms": given.xDeadlineMs },
      body: given.body,
      json: "application/json",
    })
  }

  /** Credit one reward, or a batch of up to 1,000. */
  reward(given: { readonly body: RewardItem | readonly (RewardItem)[] | string }): Promise<Answer<RewardReceipt | RewardBatchAnswer>> {
    return this.#send("POST", "/reward", {
      body: given.body,
      json: "application/json",
      text: "application/x-ndjson",
    })
  }

  /** Credit a reward by URL, for ad-server postbacks. */
  rewardPostback(given: {
    readonly d: string,
    readonly m?: string | undefined,
    readonly v?: number | undefined,
    readonly e?: string | undefined,
    readonly i?: number | undefined,
    readonly exp?: string | undefined,
  }): Promise<Answer<RewardReceipt>> {
    return this.#send("GET", "/reward", { query: { d: given.d, m: given.m, v: given.v, e: given.e, i: given.i, exp: given.exp } })
  }

  /** The experiments that are served. */
  listExperiments(given: {
    readonly status?: string | undefined,
    readonly policy?: string | undefined,
    readonly contains?: string | undefined,
    readonly limit?: number | undefined,
    readonly cursor?: string | undefined,
  } = {}): Promise<Answer<ExperimentList>> {
    return this.#send("GET", "/admin/experiments", { query: { status: given.status, policy: given.policy, contains: given.contains, limit: given.limit, cursor: given.cursor } })
  }

  /** One experiment's document. */
  readExperiment(given: {
    readonly experiment: string,
    readonly accept?: string | undefined,
  }): Promise<Answer<PublishedExperiment | string>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}`, { headers: { accept: given.accept } })
  }

  /** What is known of each variant. */
  readStatistics(given: { readonly experiment: string }): Promise<Answer<Statistics>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/stats`, {})
  }

  /** The allocation in force. */
  readAllocation(given: { readonly experiment: string }): Promise<Answer<Allocation>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/allocation`, {})
  }

  /** What a unit would get, and why. */
  explainChoice(given: {
    readonly experiment: string,
    readonly unitId: string,
  }): Promise<Answer<Explanation>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/explain`, { query: { unitId: given.unitId } })
  }

  /** Create or replace an experiment. */
  putExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly ifNoneMatch?: "*" | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
    readonly reset?: string | undefined,
    readonly keep?: string | undefined,
    readonly body: Experiment | string,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("PUT", `/admin/experiments/${encodeURIComponent(given.experiment)}`, {
      query: { dryRun: given.dryRun, reason: given.reason, reset: given.reset, keep: given.keep },
      headers: { "if-match": given.ifMatch, "if-none-match": given.ifNoneMatch },
      body: given.body,
      json: "application/json",
      text: "application/yaml",
    })
  }

  /** Change some fields. */
  patchExperiment(given: {
    readonly experiment: string,
    readonly ifMatch: string,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
    readonly reset?: string | undefined,
    readonly keep?: string | undefined,
    readonly body: ExperimentPatch,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("PATCH", `/admin/experiments/${encodeURIComponent(given.experiment)}`, {
      query: { dryRun: given.dryRun, reason: given.reason, reset: given.reset, keep: given.keep },
      headers: { "if-match": given.ifMatch },
      body: given.body,
      json: "application/merge-patch+json",
    })
  }

  /** Delete an experiment. */
  removeExperiment(given: {
    readonly experiment: string,
    readonly ifMatch: string,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("DELETE", `/admin/experiments/${encodeURIComponent(given.experiment)}`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Run a draft. */
  startExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/start`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Give everyone the control. */
  pauseExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/pause`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Run what was paused. */
  resumeExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/resume`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** End an experiment. */
  concludeExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/conclude`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Give everyone a variant. */
  promoteVariant(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly variant: string,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/promote`, {
      query: { variant: given.variant, dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Go back to an earlier document. */
  rollbackExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly to?: number | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
    readonly reset?: string | undefined,
    readonly keep?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/rollback`, {
      query: { to: given.to, dryRun: given.dryRun, reason: given.reason, reset: given.reset, keep: given.keep },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Every revision, newest first. */
  readHistory(given: {
    readonly experiment: string,
    readonly limit?: number | undefined,
    readonly cursor?: number | undefined,
  }): Promise<Answer<ExperimentHistory>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/history`, { query: { limit: given.limit, cursor: given.cursor } })
  }

  /** A document as it was. */
  readRevision(given: {
    readonly experiment: string,
    readonly revision: number,
  }): Promise<Answer<PublishedExperiment>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/history/${encodeURIComponent(given.revision)}`, {})
  }

  /** What is different between two revisions. */
  readDiff(given: {
    readonly experiment: string,
    readonly from?: number | undefined,
    readonly to?: number | undefined,
  }): Promise<Answer<ExperimentDiff>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/diff`, { query: { from: given.from, to: given.to } })
  }

  /** Who changed what, and who was refused. */
  readAudit(given: {
    readonly subject?: string | undefined,
    readonly actor?: string | undefined,
    readonly limit?: number | undefined,
    readonly cursor?: number | undefined,
  } = {}): Promise<Answer<AuditPage>> {
    return this.#send("GET", "/admin/audit", { query: { subject: given.subject, actor: given.actor, limit: given.limit, cursor: given.cursor } })
  }

  /** The API keys there are. */
  listKeys(): Promise<Answer<KeyList>> {
    return this.#send("GET", "/admin/keys", {})
  }

  /** Make an API key. */
  makeKey(given: { readonly body: KeyWish }): Promise<Answer<MadeKey>> {
    return this.#send("POST", "/admin/keys", {
      body: given.body,
      json: "application/json",
    })
  }

  /** Leads to the documentation. */
  root(): Promise<Answer<RootLiveness>> {
    return this.#send("GET", "/", {})
  }

  /** Alive. */
  healthz(): Promise<Answer<Liveness>> {
    return this.#send("GET", "/healthz", {})
  }

  /** Ready for traffic. */
  readyz(): Promise<Answer<Readiness>> {
    return this.#send("GET", "/readyz", {})
  }

  /** Load balancer's check. */
  healthcheck(): Promise<Answer<Healthcheck>> {
    return this.#send("GET", "/healthcheck", {})
  }

  /** Metrics for Prometheus. */
  metrics(): Promise<Answer<string>> {
    return this.#send("GET", "/metrics", {})
  }

  /** This contract as OpenAPI 3.1. */
  openapi(): Promise<Answer<string>> {
    return this.#send("GET", "/openapi.json", {})
  }

  /** JSON Schema of an experiment document. */
  experimentSchema(): Promise<Answer<string>> {
    return this.#send("GET", "/schemas/experiment.json", {})
  }

  /** @throws GatewayProblem for every answer that isn't 2xx; what fetch throws where the gateway can't be reached in time */
  async #send<Body>(method: string, path: string, given: Sent): Promise<Answer<Body>> {
    const { address, key, timeoutMs = 5_000 } = this.#options
    const query = Object.entries(given.query ?? {}).flatMap(([name, value]) => {
      return value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`]
    })
    const headers = new Headers(key === undefined ? {} : { authorization: `Bearer ${key}` })
    for (const [name, value] of Object.entries(given.headers ?? {})) if (value !== undefined) headers.set(name, String(value))
    const { body } = given
    if (body !== undefined) headers.set("content-type", typeof body === "string" ? (given.text ?? "text/plain") : (given.json ?? "application/json"))
    const answer = await fetch(`${address.replace(/\/$/, "")}${path}${query.length === 0 ? "" : `?${query.join("&")}`}`, {
      method,
      headers,
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new GatewayProblem(toProblem(answer.status, text))
    const isJson = (answer.headers.get("content-type") ?? "").includes("json")
    return { status: answer.status, etag: answer.headers.get("etag") ?? undefined, body: (isJson ? JSON.parse(text) : text) as Body }
  }
}

interface Sent {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly headers?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  /** Media types of a body that is an object, and of one that is text. */
  readonly json?: string
  readonly text?: string
}

/** Whoever stands in between may answer something else than the gateway. */
function toProblem(status: number, text: string): Problem {
  try {
    const problem = JSON.parse(text) as Problem
    if (typeof problem.code === "string") return problem
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return { type: "about:blank", title: `The answer is ${status} and no problem document`, status, code: "internal", detail: text.slice(0, 200) }
}
