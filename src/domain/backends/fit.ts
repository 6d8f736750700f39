import { didYouMean } from "../nearest-name.ts"
import type { HttpBackend, RemoteBackend, RequestForm, ResponseForm, SageMakerBackend } from "./backend.ts"
import { holdsInstances } from "./model-input.ts"
import type { HttpProtocol, HttpTarget, SageMakerTarget, Target } from "./target.ts"

/** Protocols that address a model by name. */
const NAMED: ReadonlySet<HttpProtocol> = new Set(["tensorflow-v1", "open-inference-v2"])

/** Why a backend can't be asked at the target that it names, undefined where it can. */
export function targetNameProblem(backend: RemoteBackend, targets: ReadonlyMap<string, Target>): string | undefined {
  const target = targets.get(backend.target)
  if (target !== undefined) return targetProblem(backend, target)
  const names = [...targets.keys()]
  if (names.length === 0) return `names the target "${backend.target}", and TARGETS_FILE has none`
  return `must name one of the targets: ${names.join(", ")}${didYouMean(backend.target, names)}`
}

function targetProblem(backend: RemoteBackend, target: Target): string | undefined {
  if (backend.kind === "http" && target.kind === "http") return httpProblem(backend, target)
  if (backend.kind === "sagemaker" && target.kind === "sagemaker") return sagemakerProblem(backend, target)
  return `is of kind ${backend.kind}, and its target ${backend.target} of kind ${target.kind}`
}

function httpProblem(backend: HttpBackend, { protocol }: HttpTarget): string | undefined {
  const { model, version, request = {}, response = {} } = backend
  const speaks = `its target ${backend.target} speaks ${protocol}`
  if (NAMED.has(protocol) && model === undefined) return `needs a model: ${speaks}, which addresses models by name`
  if (!NAMED.has(protocol) && (model ?? version) !== undefined) {
    return `must have no model or version: ${speaks}, which addresses none`
  }
  if (protocol === "open-inference-v2") return tensorProblem(request, response)
  if (request.inputs !== undefined) return `must have no request.inputs: ${speaks}, which has no named tensors`
  if (response.output !== undefined) return `must have no response.output: ${speaks}, which has no named tensors`
  if (protocol !== "json" && request.body !== undefined)
    return `must have no request.body: ${speaks}, which says what a body looks like`
  if (protocol !== "json" && request.form === "csv") return `must not have the form csv: ${speaks}`
  if (protocol === "json" && request.form !== "csv" && response.pointer === undefined) {
    return "needs response.pointer: where the prediction is in the answer"
  }
  return formProblem(request)
}

function tensorProblem(request: RequestForm, response: ResponseForm): string | undefined {
  const { features, form, body } = request
  if ((features ?? form ?? body) !== undefined)
    return "must have request.inputs, named tensors, and nothing else in request"
  if ((response.pointer ?? response.item) !== undefined)
    return "must have response.output and response.column, not a pointer"
  return undefined
}

function sagemakerProblem(backend: SageMakerBackend, target: SageMakerTarget): string | undefined {
  const { request = {}, response = {}, contentType, mode } = backend
  if (mode === "async") {
    if ((backend.request ?? backend.response ?? contentType) !== undefined) {
      return "must have no request, response or contentType with mode async: callers say where their input is"
    }
    return target.inputPrefix === undefined
      ? `needs a target with an inputPrefix: without one ${backend.target} takes no caller's InputLocation`
      : undefined
  }
  if (request.inputs !== undefined || response.output !== undefined)
    return "must have no named tensors: they are for open-inference-v2"
  if (request.form === "csv" && contentType === "application/json")
    return "has the form csv and another contentType: leave one out"
  if (contentType === "text/csv" && (request.form ?? "csv") !== "csv")
    return `has the contentType text/csv and the form ${request.form}: leave one out`
  return formProblem({ ...request, form: sagemakerForm(backend) })
}

/** What a SageMaker model is sent: CSV where its document says so in either way. */
export function sagemakerForm({ request, contentType }: SageMakerBackend): NonNullable<RequestForm["form"]> {
  return request?.form ?? (contentType === "text/csv" ? "csv" : "object")
}

function formProblem({ form, features, body }: RequestForm): string | undefined {
  if ((form === "row" || form === "csv") && features === undefined) {
    return `needs request.features: a ${form === "csv" ? "line" : "list"} of values is made in their order`
  }
  if (body === undefined) return undefined
  if (form === "csv") return "must have no request.body with the form csv"
  return holdsInstances(body) ? undefined : 'needs "$instances" or "$instance" somewhere in request.body'
}
