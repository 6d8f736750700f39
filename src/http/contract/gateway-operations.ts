import type { Operation, OperationAnswer } from "./operation.ts"

const notModified: OperationAnswer = {
  status: 304,
  description: "The client has it already: If-None-Match names its ETag",
}

/** Health, metrics and the contract itself. */
export const GATEWAY_OPERATIONS: readonly Operation[] = [
  {
    id: "root",
    method: "get",
    path: "/",
    tag: "Operations",
    summary: "Leads to the documentation",
    description: "For a person who types the address alone.",
    answers: [{ status: 302, description: "To /docs", headers: { Location: "Relative: docs" } }],
  },
  {
    id: "healthz",
    method: "get",
    path: "/healthz",
    tag: "Operations",
    summary: "Alive",
    description: "The process answers.",
    answers: [
      { status: 200, description: "Alive", content: [{ mediaType: "application/json", schemas: ["Liveness"] }] },
    ],
  },
  {
    id: "readyz",
    method: "get",
    path: "/readyz",
    tag: "Operations",
    summary: "Ready for traffic",
    description: "With the state of each part. 503 while starting and while draining.",
    answers: [
      { status: 200, description: "Ready", content: [{ mediaType: "application/json", schemas: ["Readiness"] }] },
      { status: 503, description: "Not ready", content: [{ mediaType: "application/json", schemas: ["Readiness"] }] },
    ],
  },
  {
    id: "healthcheck",
    method: "get",
    path: "/healthcheck",
    tag: "Operations",
    summary: "Load balancer's check",
    description: "What load balancers of plain predictors ask for.",
    answers: [
      { status: 200, description: "Healthy", content: [{ mediaType: "application/json", schemas: ["Healthcheck"] }] },
    ],
  },
  {
    id: "metrics",
    method: "get",
    path: "/metrics",
    tag: "Operations",
    summary: "Metrics for Prometheus",
    description: "Counters, gauges and histograms in the text format of Prometheus; every name begins with bandit_.",
    permission: "read",
    answers: [{ status: 200, description: "Metrics", content: [{ mediaType: "text/plain" }] }],
  },
  {
    id: "openapi",
    method: "get",
    path: "/openapi.json",
    tag: "Operations",
    summary: "This contract as OpenAPI 3.1",
    description: "For code generators and gateways.",
    answers: [{ status: 200, description: "The document", content: [{ mediaType: "application/json" }] }, notModified],
  },
  {
    id: "docs",
    method: "get",
    path: "/docs",
    tag: "Operations",
    summary: "This contract as a page",
    description: "Made from the OpenAPI document; loads nothing else.",
    answers: [{ status: 200, description: "The page", content: [{ mediaType: "text/html" }] }, notModified],
  },
  {
    id: "problem",
    method: "get",
    path: "/problems/{slug}",
    tag: "Operations",
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
]
