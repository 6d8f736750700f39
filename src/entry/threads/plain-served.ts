import { createModel, type EmbeddedModel, type ModelParts } from "../../adapters/embedded-scorer/artifact.ts"
import type { Served } from "../../app/served-experiments.ts"
import { createSnapshot, type Snapshot, withPlan } from "../../domain/snapshot.ts"
import type { ModelEndpoint } from "../../ports/model-endpoint.ts"
import type { PlainPlan, PlainServed } from "./functions.ts"

/** What another thread needs to serve the same. @throws Error for what can't be told as data: a plan for each request, a model elsewhere */
export function toPlain({ snapshot, endpoints, definitions }: Served): PlainServed {
  const { experiment, revision, lineage, keyId } = snapshot
  const models = endpoints.map(partsOf)
  return { experiment, revision, lineage, keyId, definitions, models, plan: toPlainPlan(snapshot) }
}

export function toPlainPlan({ experiment, stateVersion, plan }: Snapshot): PlainPlan {
  if (plan.kind !== "fixed") throw new Error(`the ${plan.kind} plan of ${experiment.id} can't be told to other threads`)
  return { experiment: experiment.id, stateVersion, allocation: plan.allocation, reasons: plan.reasons }
}

/** @param known endpoints that are served already: those of the same model are used again */
export function fromPlain(plain: PlainServed, known: readonly ModelEndpoint[]): Served {
  const { definitions, models, plan, ...base } = plain
  const endpoints: ModelEndpoint[] = []
  for (const parts of models) {
    const same = [...known, ...endpoints].find(
      ({ model, sha256 }) => model === parts.document.name && sha256 !== undefined && sha256 === parts.sha256,
    )
    endpoints.push(same ?? createModel(parts))
  }
  return { snapshot: createSnapshot({ ...base, stateVersion: plan.stateVersion, plan }), endpoints, definitions }
}

export function replanned({ snapshot, ...rest }: Served, plan: PlainPlan): Served {
  return { ...rest, snapshot: withPlan(snapshot, { stateVersion: plan.stateVersion, plan }) }
}

function partsOf(endpoint: ModelEndpoint): ModelParts {
  if (!isEmbedded(endpoint)) throw new Error(`the model ${endpoint.model} can't be told to other threads`)
  return endpoint.parts
}

function isEmbedded(endpoint: ModelEndpoint): endpoint is EmbeddedModel {
  return "parts" in endpoint
}
