import { experimentInPath, type Operation, textUpTo } from "./operation.ts"

export const EXPERIMENT_OPERATIONS: readonly Operation[] = [
  {
    id: "listExperiments",
    method: "get",
    path: "/admin/experiments",
    tag: "Experiments",
    summary: "The experiments that are served",
    description: "Each with its status, revision, policy and variants.",
    permission: "read",
    answers: [
      {
        status: 200,
        description: "The experiments",
        content: [{ mediaType: "application/json", schemas: ["ExperimentList"] }],
      },
    ],
  },
  {
    id: "readExperiment",
    method: "get",
    path: "/admin/experiments/{experiment}",
    tag: "Experiments",
    summary: "One experiment's document",
    description: "The document in force, defaults filled in, and its revision, which is also the ETag.",
    permission: "read",
    parameters: [experimentInPath],
    answers: [
      {
        status: 200,
        description: "The document",
        content: [{ mediaType: "application/json", schemas: ["PublishedExperiment"] }],
        headers: { etag: "The revision in quotes" },
      },
    ],
    problems: ["experiment_not_found"],
  },
  {
    id: "readStatistics",
    method: "get",
    path: "/admin/experiments/{experiment}/stats",
    tag: "Experiments",
    summary: "What is known of each variant",
    description: "Counters, mean reward, the allocation and the posterior probability of being best.",
    permission: "read",
    parameters: [experimentInPath],
    answers: [
      {
        status: 200,
        description: "Statistics by variant",
        content: [{ mediaType: "application/json", schemas: ["Statistics"] }],
      },
    ],
    problems: ["experiment_not_found", "store_unavailable"],
  },
  {
    id: "readAllocation",
    method: "get",
    path: "/admin/experiments/{experiment}/allocation",
    tag: "Experiments",
    summary: "The allocation in force",
    description: "The probability of each variant, from the policy or from burn-in.",
    permission: "read",
    parameters: [experimentInPath],
    answers: [
      {
        status: 200,
        description: "Probability by variant",
        content: [{ mediaType: "application/json", schemas: ["Allocation"] }],
      },
    ],
    problems: ["experiment_not_found"],
  },
  {
    id: "explainChoice",
    method: "get",
    path: "/admin/experiments/{experiment}/explain",
    tag: "Experiments",
    summary: "What a unit would get, and why",
    description: "Every number that the choice is made from. Decides nothing and logs nothing.",
    permission: "read",
    parameters: [
      experimentInPath,
      {
        name: "unitId",
        in: "query",
        required: true,
        description: "The unit",
        schema: textUpTo(256),
        example: "user-42",
      },
    ],
    answers: [
      {
        status: 200,
        description: "The choice and its reasons",
        content: [{ mediaType: "application/json", schemas: ["Explanation"] }],
      },
    ],
    problems: ["experiment_not_found"],
  },
]
