import { FEATURES_EXAMPLE, PREDICTION_EXAMPLE } from "../examples.ts"
import { ANY_MEDIA_TYPE, jsonAnswer, type Operation, textUpTo } from "../operation.ts"
import { deadline } from "../predict-operations.ts"
import { answersLike, decided, inHeader, nameInPath, passedBodyLike, predicts, unitHeader } from "./operation-parts.ts"

const PLAIN_EXAMPLE = { prediction: PREDICTION_EXAMPLE.prediction, model: PREDICTION_EXAMPLE.model }

const targetVariant = inHeader(
  "X-Amzn-SageMaker-Target-Variant",
  "Forces a variant; needs the permission force",
  textUpTo(32),
)
const customAttributes = inHeader("X-Amzn-SageMaker-Custom-Attributes", "Text of the caller's", {
  type: "string",
  pattern: "^[\\x20-\\x7e]{0,1024}$",
})

export const SAGEMAKER_OPERATIONS = [
  {
    ...predicts,
    id: "invokeEndpoint",
    dialect: "sagemaker",
    path: "/endpoints/{name}/invocations",
    summary: "SageMaker runtime: InvokeEndpoint",
    description:
      "For the AWS SDKs with an endpoint URL. The unit is X-Unit-Id, else `unitId=` (percent-encoded) among the custom attributes. The answer's custom " +
      "attributes begin with the decision token.",
    parameters: [nameInPath, unitHeader, deadline, targetVariant, customAttributes],
    request: passedBodyLike("FeatureBody", FEATURES_EXAMPLE),
    answers: answersLike("PlainPrediction", PLAIN_EXAMPLE),
  },
  {
    ...predicts,
    id: "invokeEndpointAsync",
    dialect: "sagemaker",
    path: "/endpoints/{name}/async-invocations",
    summary: "SageMaker runtime: InvokeEndpointAsync",
    description:
      "For experiments whose variants are asynchronous endpoints. The answer says where the prediction will be; what the model does with the request is " +
      "not seen here.",
    parameters: [
      nameInPath,
      unitHeader,
      deadline,
      targetVariant,
      customAttributes,
      inHeader("X-Amzn-SageMaker-InputLocation", "Where the input is: must begin with the inputPrefix of the target", {
        type: "string",
        maxLength: 1024,
      }),
    ],
    request: { maxBytes: 128_000, contents: [{ mediaType: ANY_MEDIA_TYPE }] },
    answers: [
      {
        ...jsonAnswer(202, "Accepted", "AsyncInvocation"),
        headers: {
          ...decided,
          "x-amzn-sagemaker-outputlocation": "Where the prediction will be",
          "x-amzn-sagemaker-failurelocation": "Where to look when the model failed",
        },
      },
    ],
  },
  {
    method: "post",
    tag: "Dialects",
    partition: "predict",
    id: "invokeEndpointStreaming",
    dialect: "sagemaker",
    path: "/endpoints/{name}/invocations-response-stream",
    summary: "SageMaker runtime: streaming invocations",
    description: "InvokeEndpointWithResponseStream is not served.",
    permission: "predict",
    parameters: [nameInPath],
    answers: [],
    problems: ["not_implemented", "origin_not_allowed"],
  },
] as const satisfies readonly Operation[]
