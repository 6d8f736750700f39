import { FEATURES_EXAMPLE, PREDICTION_EXAMPLE } from "../examples.ts"
import { type Operation, textUpTo } from "../operation.ts"
import { deadline } from "../predict-operations.ts"
import { answersLike, bodyLike, inHeader, nameInPath, post, predicts, unitHeader } from "./operation-parts.ts"

const PLAIN_EXAMPLE = { prediction: PREDICTION_EXAMPLE.prediction, model: PREDICTION_EXAMPLE.model }

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
    parameters: [
      nameInPath,
      unitHeader,
      deadline,
      inHeader("X-Amzn-SageMaker-Target-Variant", "Forces a variant; needs the permission force", textUpTo(32)),
      inHeader("X-Amzn-SageMaker-Custom-Attributes", "Text of the caller's", {
        type: "string",
        pattern: "^[\\x20-\\x7e]{0,1024}$",
      }),
    ],
    request: bodyLike("FeatureBody", FEATURES_EXAMPLE),
    answers: answersLike("PlainPrediction", PLAIN_EXAMPLE),
  },
  {
    ...post,
    id: "invokeEndpointStreaming",
    dialect: "sagemaker",
    path: "/endpoints/{name}/invocations-response-stream",
    summary: "SageMaker runtime: InvokeEndpointWithResponseStream",
    description: "Not served.",
    permission: "predict",
    parameters: [nameInPath],
    answers: [],
    problems: ["not_implemented", "origin_not_allowed"],
  },
] as const satisfies readonly Operation[]
