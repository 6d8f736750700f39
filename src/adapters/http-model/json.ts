import type { HttpBackend } from "../../domain/backends/backend.ts"
import { declaredBody } from "../../domain/backends/declared-body.ts"
import { jsonForwarding, placeholders, textOf, type Wire } from "./wire.ts"

/** Any server that takes and answers JSON or CSV, as the document declares it; plain predictors take the features of one instance. */
export function json({ request = {}, response = {} }: HttpBackend): Wire {
  const declared = declaredBody(request, response, { body: "$instance" })
  const write: Wire["write"] = (instances) => ({
    body: declared.write(instances),
    headers: { "content-type": declared.contentType },
  })
  return {
    path: "",
    passes: undefined,
    features: request.features,
    perInstance: declared.perInstance,
    write,
    preview: () => write([placeholders(request.features)], ""),
    read: (answer, instances) => declared.read(textOf(answer), instances),
    ...jsonForwarding,
  }
}
