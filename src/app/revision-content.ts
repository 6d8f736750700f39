import type { Experiment } from "../domain/experiment.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"
import { diffDocuments } from "./diff-documents.ts"

/** What a revision serves: a document, and the hashes of the models that its variants had. */
export interface Content {
  readonly document: unknown
  readonly models: Readonly<Record<string, string>>
}

/** What a revision of this document serves, `endpoints` being those of its variants in order. */
export function contentOf(experiment: Experiment, endpoints: readonly ModelEndpoint[]): Content {
  return { document: JSON.parse(JSON.stringify(experiment)), models: modelHashes(experiment, endpoints) }
}

/** One line per change, none where both are the same. */
export function contentDiff(before: Content | undefined, after: Content): string[] {
  return [...diffDocuments(before?.document ?? null, after.document), ...diffModels(before?.models ?? {}, after.models)]
}

/** The hash of each variant's model, where it is known. */
function modelHashes(experiment: Experiment, endpoints: readonly ModelEndpoint[]): Record<string, string> {
  return Object.fromEntries(
    experiment.variants.flatMap(({ id }, index) => {
      const sha256 = endpoints[index]?.sha256
      return sha256 === undefined ? [] : [[id, sha256]]
    }),
  )
}

function diffModels(before: Content["models"], after: Content["models"]): string[] {
  return replacedModels(before, after).map(
    (variant) => `models.${variant}: "${before[variant]}" -> "${after[variant]}"`,
  )
}

/** Variants whose model was replaced under an unchanged name. */
export function replacedModels(before: Content["models"], after: Content["models"]): string[] {
  return Object.keys(after).filter((variant) => before[variant] !== undefined && before[variant] !== after[variant])
}
