import type { HttpBackend } from "../../domain/backends/backend.ts"
import { inputWriter } from "../../domain/backends/model-input.ts"
import { predictionsOf, valueAt } from "../../domain/backends/model-output.ts"
import { JSON_TYPE, jsonForwarding, jsonOf, placeholders, SHOWN_ID, type Wire } from "./wire.ts"

/** The V1 protocol of TensorFlow Serving and KServe: `instances` to `predictions`. */
export function tensorflow({ model = "", version, request = {}, response = {} }: HttpBackend): Wire {
  const written = inputWriter(request)
  const write: Wire["write"] = (instances) => ({
    body: JSON.stringify({ instances: written(instances) }),
    headers: { "content-type": JSON_TYPE },
  })
  const path = `/v1/models/${model}${version === undefined ? "" : `/versions/${version}`}`
  return {
    path: `${path}:predict`,
    metadataPath: `${path}/metadata`,
    passes: "tensorflow-v1",
    features: request.features,
    write,
    preview: () => write([placeholders(request.features)], SHOWN_ID),
    read: (answer, instances) =>
      predictionsOf(valueAt(jsonOf(answer), response.pointer ?? "/predictions"), response, instances),
    ...jsonForwarding,
  }
}
