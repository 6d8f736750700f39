import { FEATURES_EXAMPLE, PREDICTION_EXAMPLE } from "./examples.ts"
import { experimentInPath, jsonAnswer, type Operation, type Parameter, type RequestBody } from "./operation.ts"

/** How long the caller waits. */
export const deadline: Parameter = {
  name: "X-Deadline-Ms",
  in: "header",
  required: false,
  description:
    "Milliseconds for the whole request, clamped to 5 and to the larger of 2000 and the experiment's own deadlineMs, which is the default",
  schema: { type: "number" },
}

function bodyLike(example: unknown): RequestBody {
  const contents = [{ mediaType: "application/json", schemas: ["PredictRequest", "Features"], example }] as const
  return { maxBytes: 65_536, contents }
}

const predict = {
  method: "post",
  tag: "Predict",
  partition: "predict",
  permission: "predict",
  answers: [
    {
      ...jsonAnswer(200, "The prediction, and the decision that it came from", "PredictAnswer", PREDICTION_EXAMPLE),
      headers: {
        "x-variant": "The variant that was chosen",
        "x-decision-id": "The decision's id",
        "server-timing": "Milliseconds of deciding and of the backend",
      },
    },
  ],
  problems: [
    "validation_failed",
    "features_invalid",
    "experiment_not_found",
    "not_acceptable",
    "backend_failed",
    "backend_unavailable",
    "wrong_shape",
    "not_taken",
    "deadline_exceeded",
  ],
} as const satisfies Partial<Operation>

export const PREDICT_OPERATIONS = [
  {
    ...predict,
    id: "predict",
    path: "/predict",
    scope: "handler",
    summary: "Choose a variant and predict with it",
    description:
      "Decides on a variant for the unit, asks its model, logs the decision and answers. A body with none of experiment, features and instances " +
      "is taken whole as the features of the default experiment. Forcing a variant needs the permission force.",
    parameters: [deadline],
    request: bodyLike({ experiment: "banner-ctr", unitId: "user-42", features: FEATURES_EXAMPLE }),
  },
  {
    ...predict,
    id: "predictFor",
    path: "/predict/{experiment}",
    summary: "The same, the experiment named by the path",
    description: "As POST /predict. A body that names another experiment is refused.",
    parameters: [experimentInPath, deadline],
    request: bodyLike({ unitId: "user-42", features: FEATURES_EXAMPLE }),
  },
] as const satisfies readonly Operation[]
