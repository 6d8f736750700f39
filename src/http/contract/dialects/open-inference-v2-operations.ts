import { FEATURES_EXAMPLE } from "../examples.ts"
import { jsonAnswer, type Operation } from "../operation.ts"
import { deadline } from "../predict-operations.ts"
import {
  asked,
  decided,
  get,
  inHeader,
  nameInPath,
  passedBodyLike,
  predicts,
  probes,
  segment,
  unitHeader,
} from "./operation-parts.ts"

const versionInPath = segment("version", "A variant: forces it, which needs the permission force", "challenger")

const inferAnswer = jsonAnswer(200, "The predictions, in the order of the rows", "InferAnswer")

const inferred = {
  ...predicts,
  dialect: "open-inference-v2",
  request: passedBodyLike("InferRequest", {
    inputs: Object.entries(FEATURES_EXAMPLE).map(([name, value]) => ({
      name,
      datatype: "BYTES",
      shape: [1],
      data: [value],
    })),
  }),
  answers: [
    {
      ...inferAnswer,
      content: [...(inferAnswer.content ?? []), { mediaType: "application/octet-stream" }],
      headers: {
        ...decided,
        "inference-header-content-length": "Bytes of the JSON, where outputs follow it as bytes",
      },
    },
  ],
} as const satisfies Partial<Operation>

const inferParameters = [
  unitHeader,
  deadline,
  inHeader("Inference-Header-Content-Length", "Bytes of the JSON, where inputs follow it as bytes", {
    type: "integer",
    minimum: 0,
  }),
]

const describesModel = {
  ...get,
  dialect: "open-inference-v2",
  permission: "predict",
  problems: asked,
} as const satisfies Partial<Operation>

const metadataAnswers = [jsonAnswer(200, "Inputs and outputs", "ModelMetadata")]
const readyAnswers = [jsonAnswer(200, "Ready", "ModelReady")]

export const OPEN_INFERENCE_V2_OPERATIONS = [
  {
    ...inferred,
    id: "infer",
    path: "/v2/models/{name}/infer",
    summary: "Open Inference V2: infer",
    description:
      "One tensor for each feature, [n] or [n, 1], as JSON or as bytes behind it; answered with one FP64 tensor. The unit is X-Unit-Id, else " +
      "`parameters.unitId`; the decision token is in `parameters.decision`.",
    parameters: [nameInPath, ...inferParameters],
  },
  {
    ...inferred,
    id: "inferVersion",
    permission: "force",
    path: "/v2/models/{name}/versions/{version}/infer",
    summary: "The same of one version",
    description: "A version is a variant: this forces it, which needs the permission force.",
    parameters: [nameInPath, versionInPath, ...inferParameters],
  },
  {
    ...get,
    id: "serverMetadata",
    dialect: "open-inference-v2",
    path: "/v2",
    summary: "Open Inference V2: the server",
    description: "Name, version and extensions.",
    answers: [jsonAnswer(200, "The server", "InferenceServer")],
    problems: ["origin_not_allowed"],
  },
  {
    ...probes,
    id: "serverLive",
    dialect: "open-inference-v2",
    path: "/v2/health/live",
    summary: "Open Inference V2: alive",
    description: "The process answers.",
    answers: [jsonAnswer(200, "Alive", "ServerLive")],
    problems: ["origin_not_allowed"],
  },
  {
    ...probes,
    id: "serverReady",
    dialect: "open-inference-v2",
    path: "/v2/health/ready",
    summary: "Open Inference V2: ready",
    description: "As /readyz, without the parts.",
    answers: [jsonAnswer(200, "Ready", "ServerReady"), jsonAnswer(503, "Not ready", "ServerReady")],
    problems: ["origin_not_allowed"],
  },
  {
    ...get,
    id: "listModelsV2",
    dialect: "open-inference-v2",
    path: "/v2/models",
    summary: "KServe V2: models",
    description: "The experiments' ids.",
    permission: "predict",
    answers: [jsonAnswer(200, "The models", "ModelList")],
    problems: ["origin_not_allowed"],
  },
  {
    ...describesModel,
    id: "modelMetadata",
    path: "/v2/models/{name}",
    summary: "Open Inference V2: a model",
    description: "Its inputs are the features that the variants' models read.",
    parameters: [nameInPath],
    answers: metadataAnswers,
  },
  {
    ...describesModel,
    id: "versionMetadata",
    path: "/v2/models/{name}/versions/{version}",
    summary: "The same of one version",
    description: "A version is a variant.",
    parameters: [nameInPath, versionInPath],
    answers: metadataAnswers,
  },
  {
    ...describesModel,
    partition: "exempt",
    id: "modelReady",
    path: "/v2/models/{name}/ready",
    summary: "Open Inference V2: whether a model is ready",
    description: "Whether something can answer for it.",
    parameters: [nameInPath],
    answers: readyAnswers,
  },
  {
    ...describesModel,
    partition: "exempt",
    id: "versionReady",
    path: "/v2/models/{name}/versions/{version}/ready",
    summary: "The same of one version",
    description: "A version is a variant.",
    parameters: [nameInPath, versionInPath],
    answers: readyAnswers,
  },
] as const satisfies readonly Operation[]
