import {
  experimentInPath,
  jsonAnswer,
  MAX_COUNT,
  MAX_VALUE_LENGTH,
  type Operation,
  type Parameter,
  textUpTo,
} from "./operation.ts"

/** Entries of one answer. */
export const MAX_PAGE = 1000

export const LIMIT: Parameter = {
  name: "limit",
  in: "query",
  required: false,
  description: "How many at most",
  schema: { type: "integer", minimum: 1, maximum: MAX_PAGE, default: 100 },
}

const CURSOR: Parameter = {
  name: "cursor",
  in: "query",
  required: false,
  description: "nextCursor of the answer before",
  schema: { type: "integer", minimum: 1, maximum: MAX_COUNT },
}

function revisionIn(name: string, described: string): Parameter {
  const schema = { type: "integer", minimum: 1, maximum: MAX_COUNT }
  return { name, in: "query", required: false, description: described, schema }
}

const read = { method: "get", tag: "Experiments", permission: "view" } as const satisfies Partial<Operation>

export const HISTORY_OPERATIONS = [
  {
    ...read,
    id: "readHistory",
    path: "/admin/experiments/{experiment}/history",
    summary: "Every revision, newest first",
    description: "Who published it, when, why, what it changed, and what statistics are filed under since.",
    parameters: [experimentInPath, LIMIT, CURSOR],
    answers: [jsonAnswer(200, "The revisions", "ExperimentHistory")],
    problems: ["experiment_not_found", "store_unavailable"],
  },
  {
    ...read,
    id: "readRevision",
    path: "/admin/experiments/{experiment}/history/{revision}",
    summary: "A document as it was",
    description: "Revisions never change.",
    parameters: [
      experimentInPath,
      {
        name: "revision",
        in: "path",
        required: true,
        description: "Its number",
        schema: { type: "integer", minimum: 1, maximum: MAX_COUNT },
        example: "1",
      },
    ],
    answers: [
      { ...jsonAnswer(200, "The document", "PublishedExperiment"), headers: { etag: "The revision in quotes" } },
    ],
    problems: ["experiment_not_found", "not_found", "store_unavailable"],
  },
  {
    ...read,
    id: "readDiff",
    path: "/admin/experiments/{experiment}/diff",
    summary: "What is different between two revisions",
    description: "Variants and metrics by their ids.",
    parameters: [
      experimentInPath,
      revisionIn("from", "The one before `to` when left out"),
      revisionIn("to", "The newest when left out"),
    ],
    answers: [jsonAnswer(200, "The difference", "ExperimentDiff")],
    problems: ["experiment_not_found", "not_found", "store_unavailable"],
  },
  {
    method: "get",
    tag: "Experiments",
    permission: "admin",
    id: "readAudit",
    path: "/admin/audit",
    summary: "Who changed what, and who was refused",
    description:
      "Newest first. Each line carries the hash of the one before; `audit verify` on the command line checks them.",
    parameters: [
      {
        name: "subject",
        in: "query",
        required: false,
        description: "Only lines about this experiment, or this key",
        schema: textUpTo(MAX_VALUE_LENGTH),
      },
      {
        name: "actor",
        in: "query",
        required: false,
        description: "Only lines of this actor",
        schema: textUpTo(MAX_VALUE_LENGTH),
      },
      LIMIT,
      CURSOR,
    ],
    answers: [jsonAnswer(200, "The lines", "AuditPage")],
    problems: ["audit_unavailable"],
  },
] as const satisfies readonly Operation[]
