import type { HttpBackend } from "../../domain/backends/backend.ts"
import { inputWriter } from "../../domain/backends/model-input.ts"
import { columnOf, predictionsOf, valueAt } from "../../domain/backends/model-output.ts"
import { JSON_TYPE, jsonForwarding, jsonOf, placeholders, SHOWN_ID, type Wire } from "./wire.ts"

/** The protocol of Seldon Core 1: rows as `data.ndarray` with their names, objects as `jsonData`. */
export function seldon({ request = {}, response = {} }: HttpBackend): Wire {
  const written = inputWriter(request)
  const write: Wire["write"] = (instances, decisionId) => {
    const items = written(instances)
    const data =
      request.form === "row"
        ? { data: { names: request.features, ndarray: items } }
        : { jsonData: items.length === 1 ? items[0] : items }
    return { body: JSON.stringify({ meta: { puid: decisionId }, ...data }), headers: { "content-type": JSON_TYPE } }
  }
  return {
    path: "/api/v1.0/predictions",
    metadataPath: "/api/v1.0/metadata",
    passes: "seldon-v1",
    features: request.features,
    write,
    preview: () => write([placeholders(request.features)], SHOWN_ID),
    read: (answer, instances) => {
      const message = jsonOf(answer)
      if (response.pointer !== undefined) return predictionsOf(valueAt(message, response.pointer), response, instances)
      const tensor = valueAt(message, "/data/tensor/values") ?? valueAt(message, "/data/ndarray")
      if (tensor !== undefined && response.item === undefined) return columnOf(tensor, response.column, instances)
      return predictionsOf(valueAt(message, "/data/ndarray") ?? valueAt(message, "/jsonData"), response, instances)
    },
    ...jsonForwarding,
  }
}
