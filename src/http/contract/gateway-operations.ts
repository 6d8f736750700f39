import { jsonAnswer, type Operation, type OperationAnswer } from "./operation.ts"

const notModified: OperationAnswer = {
  status: 304,
  description: "The client has it already: If-None-Match names its ETag",
}

const get = { method: "get", tag: "Operations" } as const satisfies Partial<Operation>
const alwaysAnswered = { ...get, partition: "exempt" } as const satisfies Partial<Operation>

/** Health, metrics and the contract itself. */
export const GATEWAY_OPERATIONS = [
  {
    ...get,
    id: "root",
    path: "/",
    summary: "Leads to the documentation",
    description:
      "For a person who types the address alone. Who accepts anything alike, as programs do, is told that the server is alive.",
    answers: [
      jsonAnswer(200, "To Accept: */*, as KServe's clients of V1 expect", "RootLiveness"),
      { status: 302, description: "To /docs", headers: { Location: "Relative: docs" } },
    ],
  },
  {
    ...alwaysAnswered,
    id: "healthz",
    path: "/healthz",
    summary: "Alive",
    description: "The process answers.",
    answers: [jsonAnswer(200, "Alive", "Liveness")],
  },
  {
    ...alwaysAnswered,
    id: "readyz",
    path: "/readyz",
    summary: "Ready for traffic",
    description: "With the state of each part. 503 while starting and while draining.",
    answers: [jsonAnswer(200, "Ready", "Readiness"), jsonAnswer(503, "Not ready", "Readiness")],
  },
  {
    ...alwaysAnswered,
    id: "healthcheck",
    path: "/healthcheck",
    summary: "Load balancer's check",
    description: "What load balancers of plain predictors ask for.",
    answers: [jsonAnswer(200, "Healthy", "Healthcheck")],
  },
  {
    ...alwaysAnswered,
    id: "metrics",
    path: "/metrics",
    summary: "Metrics for Prometheus",
    description: "Counters, gauges and histograms in the text format of Prometheus; every name begins with bandit_.",
    permission: "view",
    answers: [{ status: 200, description: "Metrics", content: [{ mediaType: "text/plain" }] }],
  },
  {
    ...get,
    id: "openapi",
    path: "/openapi.json",
    summary: "This contract as OpenAPI 3.1",
    description: "For code generators and gateways.",
    answers: [{ status: 200, description: "The document", content: [{ mediaType: "application/json" }] }, notModified],
  },
  {
    ...get,
    id: "experimentSchema",
    path: "/schemas/experiment.json",
    summary: "JSON Schema of an experiment document",
    description: "For editors, which complete and check documents with it.",
    answers: [
      { status: 200, description: "The schema", content: [{ mediaType: "application/schema+json" }] },
      notModified,
    ],
  },
  {
    ...get,
    id: "docs",
    path: "/docs",
    summary: "This contract as a page",
    description: "Made from the OpenAPI document; loads nothing else.",
    answers: [{ status: 200, description: "The page", content: [{ mediaType: "text/html" }] }, notModified],
  },
  {
    ...get,
    id: "problem",
    path: "/problems/{slug}",
    summary: "What a problem means and what to do",
    description: "The type of every problem document is the path of its page.",
    parameters: [
      {
        name: "slug",
        in: "path",
        required: true,
        description: "The last segment of a problem's type",
        schema: { type: "string" },
        example: "token-invalid",
      },
    ],
    answers: [{ status: 200, description: "The page", content: [{ mediaType: "text/html" }] }, notModified],
    problems: ["not_found"],
  },
] as const satisfies readonly Operation[]
