import { FEATURES_EXAMPLE, TOKEN_EXAMPLE } from "../examples.ts"
import { jsonAnswer, type Operation } from "../operation.ts"
import { deadline } from "../predict-operations.ts"
import {
  answersLike,
  asked,
  bodyLike,
  credits,
  get,
  nameInPath,
  passedBodyLike,
  predicts,
  probes,
  segment,
  unitHeader,
} from "./operation-parts.ts"

const namespaceInPath = segment("namespace", "Not looked at: names are unique", "ads", "^.+$")
const modelInPath = segment("model", "A variant", "challenger")

/** An operation about the default experiment, about a deployment, which is an experiment, and about a deployment in a namespace. */
function forEachDeployment<const Id extends string, Given extends Omit<Operation, "id" | "path" | "dialect">>(
  id: Id,
  path: string,
  given: Given,
) {
  const { summary, parameters = [] } = given
  const operation = { ...given, dialect: "seldon-v1" } as const
  return [
    { ...operation, id, path: `/api/v1.0/${path}` },
    {
      ...operation,
      id: `${id}For`,
      path: `/seldon/{name}/api/v1.0/${path}`,
      summary: `${summary}, of a deployment`,
      parameters: [nameInPath, ...parameters],
    },
    {
      ...operation,
      id: `${id}In`,
      path: `/seldon/{namespace}/{name}/api/v1.0/${path}`,
      summary: `${summary}, of a deployment in a namespace`,
      parameters: [namespaceInPath, nameInPath, ...parameters],
    },
  ] as const
}

const describes = { ...get, permission: "predict", problems: asked } as const satisfies Partial<Operation>

export const SELDON_V1_OPERATIONS = [
  ...forEachDeployment("seldonPredict", "predictions", {
    ...predicts,
    summary: "Seldon V1: predictions",
    description:
      "`data` with `names` and an `ndarray` or a `tensor`, or `jsonData`, answered in the same kind. The unit is X-Unit-Id, else `meta.tags.unitId`; the " +
      "decision token is in `meta.tags.decision`.",
    parameters: [unitHeader, deadline],
    request: passedBodyLike("SeldonRequest", {
      data: { names: Object.keys(FEATURES_EXAMPLE), ndarray: [Object.values(FEATURES_EXAMPLE)] },
    }),
    answers: answersLike("SeldonAnswer"),
  }),
  ...forEachDeployment("seldonFeedback", "feedback", {
    ...credits,
    summary: "Seldon V1: feedback",
    description:
      "A reward for the decision in `response.meta.tags.decision`, of the metric that its experiment learns from. A reward that is left out is 0. Where " +
      "the path has a deployment, the decision must be of it.",
    request: bodyLike("SeldonFeedback", { response: { meta: { tags: { decision: TOKEN_EXAMPLE } } }, reward: 1 }),
    answers: [jsonAnswer(200, "Credited, or credited before", "SeldonFeedbackAnswer")],
  }),
  ...forEachDeployment("seldonHealth", "health/status", {
    ...probes,
    summary: "Seldon V1: health",
    description: "Whether something can answer for the deployment.",
    permission: "predict",
    answers: [jsonAnswer(200, "Healthy", "SeldonHealth")],
    problems: [...asked, "backend_unavailable"],
  }),
  ...forEachDeployment("seldonMetadata", "metadata", {
    ...describes,
    summary: "Seldon V1: metadata",
    description: "The variants, each as a model of the deployment's graph.",
    answers: [jsonAnswer(200, "The variants' inputs and outputs", "SeldonMetadata")],
  }),
  ...forEachDeployment("seldonModelMetadata", "metadata/{model}", {
    ...describes,
    summary: "Seldon V1: metadata of a model",
    description: "A model of the graph is a variant.",
    parameters: [modelInPath],
    answers: [jsonAnswer(200, "Its inputs and outputs", "SeldonModelMetadata")],
  }),
] as const satisfies readonly Operation[]
