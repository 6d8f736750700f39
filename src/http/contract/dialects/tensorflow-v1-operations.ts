import { FEATURES_EXAMPLE, PREDICTION_EXAMPLE } from "../examples.ts"
import { jsonAnswer, type Operation } from "../operation.ts"
import { deadline } from "../predict-operations.ts"
import { answersLike, asked, get, nameInPath, passedBodyLike, predicts, probes, unitHeader } from "./operation-parts.ts"

export const TENSORFLOW_V1_OPERATIONS = [
  {
    ...predicts,
    id: "predictV1",
    dialect: "tensorflow-v1",
    path: "/v1/models/{name}:predict",
    summary: "TensorFlow Serving and KServe V1: predict",
    description: "The unit is X-Unit-Id, else `unitId` of the body; the decision token is in the header x-decision.",
    parameters: [nameInPath, unitHeader, deadline],
    request: passedBodyLike("TensorFlowRequest", { instances: [FEATURES_EXAMPLE] }),
    answers: answersLike("TensorFlowAnswer", { predictions: [PREDICTION_EXAMPLE.prediction] }),
  },
  {
    ...get,
    id: "listModelsV1",
    dialect: "tensorflow-v1",
    path: "/v1/models",
    summary: "KServe V1: models",
    description: "The experiments' ids.",
    permission: "predict",
    answers: [jsonAnswer(200, "The models", "ModelList")],
    problems: ["origin_not_allowed"],
  },
  {
    ...probes,
    id: "modelStatusV1",
    dialect: "tensorflow-v1",
    path: "/v1/models/{name}",
    summary: "TensorFlow Serving and KServe V1: a model's status",
    description: "As both say it.",
    permission: "predict",
    parameters: [nameInPath],
    answers: [jsonAnswer(200, "Ready", "ModelStatus")],
    problems: asked,
  },
] as const satisfies readonly Operation[]
