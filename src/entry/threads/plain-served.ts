import { createModel, type EmbeddedModel, type ModelParts } from "../../adapters/embedded-scorer/artifact.ts"
import type { Served } from "../../app/served-experiments.ts"
import { withStaticAnswer } from "../../app/static-answer.ts"
import type { RemoteBackend } from "../../domain/backends/backend.ts"
import { createSnapshot, type Snapshot, withPlan } from "../../domain/snapshot.ts"
import type { ModelEndpoint } from "../../ports/model-endpoint.ts"
import type { PlainPlan, PlainServed } from "./functions.ts"

/** What another thread needs to serve the same. @throws Error for what can't be told as data: a plan for each request */
export function toPlain({ snapshot, endpoints, definitions }: Served): PlainServed {
  const { experiment, revision, lineage, keyId } = snapshot
  const models = experiment.variants.map((_, index) => partsOf(endpoints[index]))
  return { experiment, revision, lineage, keyId, definitions, models, plan: toPlainPlan(snapshot) }
}

export function toPlainPlan({ experiment, stateVersion, plan }: Snapshot): PlainPlan {
  if (plan.kind !== "fixed") throw new Error(`the ${plan.kind} plan of ${experiment.id} can't be told to other threads`)
  return { experiment: experiment.id, stateVersion, allocation: plan.allocation, reasons: plan.reasons }
}

/**
 * @param known endpoints that are served already: those of the same model are used again
 * @param remote what this thread calls targets with
 */
export function fromPlain(
  plain: PlainServed,
  known: readonly ModelEndpoint[],
  remote: (backend: RemoteBackend) => ModelEndpoint,
): Served {
  const { definitions, models, plan, ...base } = plain
  const endpoints: ModelEndpoint[] = []
  for (const [index, { backend }] of plain.experiment.variants.entries()) {
    const parts = models[index]
    if (backend.kind !== "embedded") endpoints.push(remote(backend))
    else if (parts != null) endpoints.push(sameModel(parts, [...known, ...endpoints]) ?? createModel(parts))
  }
  return {
    snapshot: createSnapshot({ ...base, stateVersion: plan.stateVersion, plan }),
    endpoints: withStaticAnswer(plain.experiment, endpoints),
    definitions,
  }
}

export function replanned({ snapshot, ...rest }: Served, plan: PlainPlan): Served {
  return { ...rest, snapshot: withPlan(snapshot, { stateVersion: plan.stateVersion, plan }) }
}

function sameModel({ document, sha256 }: ModelParts, known: readonly ModelEndpoint[]): ModelEndpoint | undefined {
  return known.find((one) => one.model === document.name && one.sha256 !== undefined && one.sha256 === sha256)
}

function partsOf(endpoint: ModelEndpoint | undefined): ModelParts | null {
  return endpoint !== undefined && isEmbedded(endpoint) ? endpoint.parts : null
}

function isEmbedded(endpoint: ModelEndpoint): endpoint is EmbeddedModel {
  return "parts" in endpoint
}
