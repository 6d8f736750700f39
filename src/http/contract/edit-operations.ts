import {
  experimentInPath,
  jsonAnswer,
  MAX_COUNT,
  MAX_VALUE_LENGTH,
  type Operation,
  type OperationAnswer,
  type Parameter,
  textUpTo,
} from "./operation.ts"

/** As large as a file of EXPERIMENTS_DIR may be. */
const MAX_DOCUMENT_BYTES = 65_536

/** What every edit takes in its query, in this order: dryRun, reason, reset, keep. */
export const EDIT_QUERY = [
  {
    name: "dryRun",
    in: "query",
    required: false,
    description: "true: answers what the edit would do, and changes nothing",
    schema: { type: "boolean", default: false },
  },
  {
    name: "reason",
    in: "query",
    required: false,
    description: "Why, for those who read history and audit",
    schema: textUpTo(MAX_VALUE_LENGTH),
  },
  {
    name: "reset",
    in: "query",
    required: false,
    description: "Variants whose statistics begin anew, between commas, or all. Needs a reason",
    schema: textUpTo(MAX_VALUE_LENGTH),
  },
  {
    name: "keep",
    in: "query",
    required: false,
    description:
      "Variants whose statistics go on although their backend, model or metric changed, or all. Needs a reason",
    schema: textUpTo(MAX_VALUE_LENGTH),
  },
] as const satisfies readonly Parameter[]

const [DRY_RUN, REASON] = EDIT_QUERY

function condition(required: boolean): Parameter {
  return {
    name: "If-Match",
    in: "header",
    required,
    description: "The ETag of the document that was read; * for whichever is in force",
    schema: textUpTo(MAX_VALUE_LENGTH),
    ...(required ? { example: "*" } : {}),
  }
}

const ETAG = { etag: "The revision in quotes" }

const edited: OperationAnswer = {
  ...jsonAnswer(200, "What the edit did, or would do", "ExperimentEdit"),
  headers: ETAG,
}

const edit = {
  tag: "Experiments",
  permission: "edit",
  answers: [edited],
} as const satisfies Partial<Operation>

const PROBLEMS = [
  "experiment_managed",
  "precondition_failed",
  "config_invalid",
  "validation_failed",
  "revision_conflict",
  "store_unavailable",
  "audit_unavailable",
] as const

const step = {
  ...edit,
  method: "post",
  parameters: [experimentInPath, condition(false), DRY_RUN, REASON],
  problems: ["experiment_not_found", "transition_refused", ...PROBLEMS],
} as const satisfies Partial<Operation>

const conditioned = [experimentInPath, condition(true), ...EDIT_QUERY] as const

const DOCUMENT = {
  variants: [
    { id: "champion", backend: { kind: "embedded", model: "ctr-raw" } },
    { id: "challenger", backend: { kind: "embedded", model: "ctr-prefixed" } },
  ],
  control: "champion",
  policy: { kind: "thompson", minPropensity: 0.05 },
}

const DOCUMENT_IN_YAML = `id: banner-ctr
variants:
  - { id: champion, backend: { kind: embedded, model: ctr-raw } }
  - { id: challenger, backend: { kind: embedded, model: ctr-prefixed } }
control: champion
policy: { kind: thompson, minPropensity: 0.05 }
`

export const EDIT_OPERATIONS = [
  {
    ...edit,
    id: "putExperiment",
    method: "put",
    path: "/admin/experiments/{experiment}",
    summary: "Create or replace an experiment",
    description:
      "The whole document. If-None-Match: * creates, If-Match replaces; 428 without either, 412 when somebody else was first. The id may be left out of JSON.",
    parameters: [
      experimentInPath,
      condition(false),
      {
        name: "If-None-Match",
        in: "header",
        required: false,
        description: "* to create an experiment that there isn't",
        schema: { type: "string", enum: ["*"] },
      },
      ...EDIT_QUERY,
    ],
    request: {
      maxBytes: MAX_DOCUMENT_BYTES,
      contents: [
        { mediaType: "application/json", schemas: ["Experiment"], example: { id: "banner-ctr", ...DOCUMENT } },
        { mediaType: "application/yaml", example: DOCUMENT_IN_YAML },
      ],
    },
    answers: [edited, { ...jsonAnswer(201, "It was created", "ExperimentEdit"), headers: ETAG }],
    problems: ["experiment_not_found", "precondition_required", "too_many_experiments", ...PROBLEMS],
  },
  {
    ...edit,
    id: "patchExperiment",
    method: "patch",
    path: "/admin/experiments/{experiment}",
    summary: "Change some fields",
    description: "A merge patch (RFC 7396): members replace, null takes away, lists are replaced whole.",
    parameters: conditioned,
    request: {
      maxBytes: MAX_DOCUMENT_BYTES,
      contents: [
        {
          mediaType: "application/merge-patch+json",
          schemas: ["ExperimentPatch"],
          example: { description: "Which model earns more clicks", holdout: 0.05 },
        },
      ],
    },
    problems: ["experiment_not_found", "precondition_required", ...PROBLEMS],
  },
  {
    ...edit,
    id: "removeExperiment",
    method: "delete",
    path: "/admin/experiments/{experiment}",
    summary: "Delete an experiment",
    description:
      "Its predictions are 404 and its rewards 410 from then on. Its history stays; created anew, it goes on.",
    parameters: [experimentInPath, condition(true), DRY_RUN, REASON],
    problems: ["experiment_not_found", "precondition_required", ...PROBLEMS],
  },
  {
    ...step,
    id: "startExperiment",
    path: "/admin/experiments/{experiment}/start",
    summary: "Run a draft",
    description: "Repeated, it answers 200 and makes no new revision, as the other steps do.",
  },
  {
    ...step,
    id: "pauseExperiment",
    path: "/admin/experiments/{experiment}/pause",
    summary: "Give everyone the control",
    description:
      "Works for experiments of a folder too, and holds until it is resumed, whatever the file says meanwhile.",
  },
  {
    ...step,
    id: "resumeExperiment",
    path: "/admin/experiments/{experiment}/resume",
    summary: "Run what was paused",
    description: "What was learned before is still known.",
  },
  {
    ...step,
    id: "concludeExperiment",
    path: "/admin/experiments/{experiment}/conclude",
    summary: "End an experiment",
    description: "Everyone gets the control from then on.",
  },
  {
    ...step,
    id: "promoteVariant",
    path: "/admin/experiments/{experiment}/promote",
    summary: "Give everyone a variant",
    description: "It becomes the control, and the experiment is concluded.",
    parameters: [
      experimentInPath,
      condition(false),
      {
        name: "variant",
        in: "query",
        required: true,
        description: "The variant",
        schema: textUpTo(32),
        example: "challenger",
      },
      DRY_RUN,
      REASON,
    ],
  },
  {
    ...step,
    id: "rollbackExperiment",
    path: "/admin/experiments/{experiment}/rollback",
    summary: "Go back to an earlier document",
    description: "Publishes the document of an earlier revision as a new one.",
    parameters: [
      experimentInPath,
      condition(false),
      {
        name: "to",
        in: "query",
        required: false,
        description: "The revision whose document it is; the one before the newest when left out",
        schema: { type: "integer", minimum: 1, maximum: MAX_COUNT },
      },
      ...EDIT_QUERY,
    ],
  },
] as const satisfies readonly Operation[]
