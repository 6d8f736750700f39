import type { HttpBackend } from "../../domain/backends/backend.ts"
import { csvOf, fillTemplate, inputWriter, isPerInstance } from "../../domain/backends/model-input.ts"
import { csvPredictions, predictionsOf, valueAt } from "../../domain/backends/model-output.ts"
import { JSON_TYPE, jsonForwarding, jsonOf, placeholders, SHOWN_ID, textOf, type Wire } from "./wire.ts"

/** What is sent where a document says nothing else: the features of one instance, as plain predictors take them. */
const PLAIN = "$instance"

/** Any server that takes and answers JSON or CSV, as the document declares it. */
export function json({ request = {}, response = {} }: HttpBackend): Wire {
  const { form, features, body = PLAIN } = request
  const written = inputWriter(request)
  const write: Wire["write"] = (instances) =>
    form === "csv"
      ? { body: csvOf(instances, features ?? []), headers: { "content-type": "text/csv" } }
      : { body: JSON.stringify(fillTemplate(body, written(instances))), headers: { "content-type": JSON_TYPE } }
  return {
    path: "",
    passes: undefined,
    features,
    perInstance: form !== "csv" && isPerInstance(body),
    write,
    preview: () => write([placeholders(features)], SHOWN_ID),
    read: (answer, instances) =>
      response.pointer === undefined
        ? csvPredictions(textOf(answer), response, instances)
        : predictionsOf(valueAt(jsonOf(answer), response.pointer), response, instances),
    ...jsonForwarding,
  }
}
