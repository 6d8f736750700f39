/** The headers that InvokeEndpoint takes beside its body, and what the AWS SDK calls them: the only ones of a caller's that are sent on. */
export const INVOKE_FIELDS = {
  "content-type": "ContentType",
  accept: "Accept",
  "x-amzn-sagemaker-custom-attributes": "CustomAttributes",
  "x-amzn-sagemaker-target-model": "TargetModel",
  "x-amzn-sagemaker-target-variant": "TargetVariant",
  "x-amzn-sagemaker-target-container-hostname": "TargetContainerHostname",
  "x-amzn-sagemaker-inference-id": "InferenceId",
  "x-amzn-sagemaker-enable-explanations": "EnableExplanations",
  "x-amzn-sagemaker-inference-component": "InferenceComponentName",
  "x-amzn-sagemaker-session-id": "SessionId",
} as const

/** The same of InvokeEndpointAsync. */
export const ASYNC_FIELDS = {
  "x-amzn-sagemaker-content-type": "ContentType",
  "x-amzn-sagemaker-accept": "Accept",
  "x-amzn-sagemaker-custom-attributes": "CustomAttributes",
  "x-amzn-sagemaker-inference-id": "InferenceId",
  "x-amzn-sagemaker-inputlocation": "InputLocation",
  "x-amzn-sagemaker-requestttlseconds": "RequestTTLSeconds",
  "x-amzn-sagemaker-invocationtimeoutseconds": "InvocationTimeoutSeconds",
} as const

export const VARIANT = "x-amzn-sagemaker-target-variant"
export const MODEL = "x-amzn-sagemaker-target-model"
export const INFERENCE_ID = "x-amzn-sagemaker-inference-id"
export const INPUT_LOCATION = "x-amzn-sagemaker-inputlocation"
export const OUTPUT_LOCATION = "x-amzn-sagemaker-outputlocation"
export const FAILURE_LOCATION = "x-amzn-sagemaker-failurelocation"
export const INVOKED_VARIANT = "x-amzn-invoked-production-variant"
export const CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"

/** One call of InvokeEndpoint, or of InvokeEndpointAsync, whose input is elsewhere and whose body is empty. */
export interface Invocation {
  readonly mode: "invoke" | "async"
  /** Of `INVOKE_FIELDS` or `ASYNC_FIELDS`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
  /** Headers that say nothing to SageMaker itself. */
  readonly unsigned: Readonly<Record<string, string>>
}

/** Those of the headers that a call has a field for. */
export function fieldsOf(
  headers: Readonly<Record<string, string>>,
  fields: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => Object.hasOwn(fields, name)))
}

export function invocationPath(endpoint: string, mode: Invocation["mode"]): string {
  return `/endpoints/${endpoint}/${mode === "async" ? "async-invocations" : "invocations"}`
}
