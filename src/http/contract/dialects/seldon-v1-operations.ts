import { FEATURES_EXAMPLE, TOKEN_EXAMPLE } from "../examples.ts"
import { jsonAnswer, type Operation } from "../operation.ts"
import { deadline } from "../predict-operations.ts"
import {
  answersLike,
  bodyLike,
  creditProblems,
  nameInPath,
  passedBodyLike,
  post,
  predicts,
  segment,
  unitHeader,
} from "./operation-parts.ts"

const namespaceInPath = segment("namespace", "Not looked at", "ads", "^.+$")

const seldonPredicts = {
  ...predicts,
  dialect: "seldon-v1",
  request: passedBodyLike("SeldonRequest", {
    data: { names: Object.keys(FEATURES_EXAMPLE), ndarray: [Object.values(FEATURES_EXAMPLE)] },
  }),
  answers: answersLike("SeldonAnswer"),
} as const satisfies Partial<Operation>

const seldonCredits = {
  ...post,
  dialect: "seldon-v1",
  request: bodyLike("SeldonFeedback", { response: { meta: { tags: { decision: TOKEN_EXAMPLE } } }, reward: 1 }),
  answers: [jsonAnswer(200, "Credited, or credited before", "SeldonFeedbackAnswer")],
  problems: creditProblems,
} as const satisfies Partial<Operation>

export const SELDON_V1_OPERATIONS = [
  {
    ...seldonPredicts,
    id: "seldonPredict",
    path: "/api/v1.0/predictions",
    summary: "Seldon V1: predictions of the default experiment",
    description:
      "`data` with `names` and an `ndarray` or a `tensor`, or `jsonData`, answered in the same kind. The unit is X-Unit-Id, else `meta.tags.unitId`; the " +
      "decision token is in `meta.tags.decision`.",
    parameters: [unitHeader, deadline],
  },
  {
    ...seldonPredicts,
    id: "seldonPredictFor",
    path: "/seldon/{name}/api/v1.0/predictions",
    summary: "The same of a deployment",
    description: "A deployment is an experiment.",
    parameters: [nameInPath, unitHeader, deadline],
  },
  {
    ...seldonPredicts,
    id: "seldonPredictIn",
    path: "/seldon/{namespace}/{name}/api/v1.0/predictions",
    summary: "The same of a deployment in a namespace",
    description: "Names are unique: the namespace says nothing.",
    parameters: [namespaceInPath, nameInPath, unitHeader, deadline],
  },
  {
    ...seldonCredits,
    id: "seldonFeedback",
    path: "/api/v1.0/feedback",
    summary: "Seldon V1: feedback",
    description:
      "A reward for the decision in `response.meta.tags.decision`, of the metric that its experiment learns from. A reward that is left out is 0.",
  },
  {
    ...seldonCredits,
    id: "seldonFeedbackFor",
    path: "/seldon/{name}/api/v1.0/feedback",
    summary: "The same for a deployment",
    description: "The decision must be of this experiment.",
    parameters: [nameInPath],
  },
  {
    ...seldonCredits,
    id: "seldonFeedbackIn",
    path: "/seldon/{namespace}/{name}/api/v1.0/feedback",
    summary: "The same for a deployment in a namespace",
    description: "The decision must be of this experiment.",
    parameters: [namespaceInPath, nameInPath],
  },
] as const satisfies readonly Operation[]
