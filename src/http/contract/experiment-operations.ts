import { LIMIT } from "./history-operations.ts"
import { experimentInPath, jsonAnswer, MAX_VALUE_LENGTH, type Operation, textUpTo } from "./operation.ts"
import { MAX_UNIT_LENGTH } from "./predict-body.ts"

const ONE_STATUS = "(draft|running|paused|concluded)"

const read = { method: "get", tag: "Experiments", permission: "view" } as const satisfies Partial<Operation>

const readOne = {
  ...read,
  parameters: [experimentInPath],
  problems: ["experiment_not_found"],
} as const satisfies Partial<Operation>

export const EXPERIMENT_OPERATIONS = [
  {
    ...read,
    id: "listExperiments",
    path: "/admin/experiments",
    scope: "handler",
    summary: "The experiments that are served",
    description:
      "By id, each with its status, revision, policy and variants. A key for some experiments sees those alone.",
    parameters: [
      {
        name: "status",
        in: "query",
        required: false,
        description: "Only these, between commas: draft, running, paused, concluded",
        schema: { type: "string", pattern: `^ *${ONE_STATUS} *(, *${ONE_STATUS} *)*$` },
      },
      {
        name: "policy",
        in: "query",
        required: false,
        description: "Only this policy",
        schema: textUpTo(MAX_VALUE_LENGTH),
      },
      {
        name: "contains",
        in: "query",
        required: false,
        description: "Only those with this text in id or description",
        schema: textUpTo(MAX_VALUE_LENGTH),
      },
      LIMIT,
      {
        name: "cursor",
        in: "query",
        required: false,
        description: "nextCursor of the answer before",
        schema: textUpTo(MAX_VALUE_LENGTH),
      },
    ],
    answers: [jsonAnswer(200, "The experiments", "ExperimentList")],
  },
  {
    ...readOne,
    id: "readExperiment",
    path: "/admin/experiments/{experiment}",
    parameters: [
      experimentInPath,
      {
        name: "Accept",
        in: "header",
        required: false,
        description: "application/yaml for the document in YAML",
        schema: { type: "string" },
      },
    ],
    summary: "One experiment's document",
    description:
      "The document in force, defaults filled in, and its revision, which is also the ETag. As YAML where the caller accepts application/yaml, with the revision in a comment.",
    answers: [
      {
        status: 200,
        description: "The document",
        content: [
          { mediaType: "application/json", schemas: ["PublishedExperiment"] },
          { mediaType: "application/yaml" },
        ],
        headers: { etag: 'The revision in quotes: "7", of YAML "7-yaml". Both are taken as If-Match' },
      },
      { status: 304, description: "The client has it already: If-None-Match names its ETag" },
    ],
  },
  {
    ...readOne,
    id: "readStatistics",
    path: "/admin/experiments/{experiment}/stats",
    summary: "What is known of each variant",
    description: "Counters, mean reward, the allocation and the posterior probability of being best.",
    answers: [jsonAnswer(200, "Statistics by variant", "Statistics")],
    problems: ["experiment_not_found", "store_unavailable"],
  },
  {
    ...readOne,
    id: "readAllocation",
    path: "/admin/experiments/{experiment}/allocation",
    summary: "The allocation in force",
    description: "The probability of each variant, from the policy or from burn-in.",
    answers: [jsonAnswer(200, "Probability by variant", "Allocation")],
  },
  {
    ...readOne,
    id: "explainChoice",
    path: "/admin/experiments/{experiment}/explain",
    summary: "What a unit would get, and why",
    description: "Every number that the choice is made from. Decides nothing and logs nothing.",
    parameters: [
      experimentInPath,
      {
        name: "unitId",
        in: "query",
        required: true,
        description: "The unit",
        schema: textUpTo(MAX_UNIT_LENGTH),
        example: "user-42",
      },
    ],
    answers: [jsonAnswer(200, "The choice and its reasons", "Explanation")],
  },
] as const satisfies readonly Operation[]
