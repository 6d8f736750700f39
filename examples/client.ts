/**
 * A client of bandit-gateway for TypeScript, in one file and without dependencies. Written by scripts/write-client.ts from the OpenAPI
 * document: change that, not this.
 */

/** What a call is answered with, where all went well. */
export interface Answer<Body> {
  readonly status: number
  /** Of a document: what an edit of it sends as ifMatch. */
  readonly etag: string | undefined
  readonly body: Body
}

/** What the gateway refuses, with the problem document that says why. */
export class GatewayProblem extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    const errors = (problem.errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`)
    super([problem.title, ...(problem.detail === undefined ? [] : [problem.detail]), ...errors].join("\n"))
    this.name = "GatewayProblem"
    this.problem = problem
  }
}

export interface ClientOptions {
  /** Where the gateway is: `http://127.0.0.1:8080`. */
  readonly address: string
  /** An API key, where the gateway has any. */
  readonly key?: string | undefined
  /** Of a whole call, milliseconds. Default: 5000. */
  readonly timeoutMs?: number
}

x
*
x
*
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
x
*
x
x
x
x
x
x
x
x
*
x
x
x
x
x
x
x
*
/** Every call of the HTTP interface. */
export class GatewayClient {
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** Choose a variant and predict with it. */
  predict(given: {
    readonly xDeadlineMs?: number | undefined,
    readonly body: PredictRequest | Features,
  }): Promise<Answer<PredictAnswer>> {
    return this.#send("POST", "/predict", {
      headers: { "x-deadline-ms": given.xDeadlineMs },
      body: given.body,
      json: "application/json",
    })
  }

  /** The same, the experiment named by the path. */
  predictFor(given: {
    readonly experiment: string,
    readonly xDeadlineMs?: number | undefined,
    readonly body: PredictRequest | Features,
  }): Promise<Answer<PredictAnswer>> {
    return this.#send("POST", `/predict/${encodeURIComponent(given.experiment)}`, {
      headers: { "x-deadline-ms": given.xDeadlineMs },
      body: given.body,
      json: "application/json",
    })
  }

  /** Credit one reward, or a batch of up to 1,000. */
  reward(given: { readonly body: RewardItem | readonly (RewardItem)[] | string }): Promise<Answer<RewardReceipt | RewardBatchAnswer>> {
    return this.#send("POST", "/reward", {
      body: given.body,
      json: "application/json",
      text: "application/x-ndjson",
    })
  }

  /** Credit a reward by URL, for ad-server postbacks. */
  rewardPostback(given: {
    readonly d: string,
    readonly m?: string | undefined,
    readonly v?: number | undefined,
    readonly e?: string | undefined,
    readonly i?: number | undefined,
    readonly exp?: string | undefined,
  }): Promise<Answer<RewardReceipt>> {
    return this.#send("GET", "/reward", { query: { d: given.d, m: given.m, v: given.v, e: given.e, i: given.i, exp: given.exp } })
  }

  /** The experiments that are served. */
  listExperiments(given: {
    readonly status?: string | undefined,
    readonly policy?: string | undefined,
    readonly contains?: string | undefined,
    readonly limit?: number | undefined,
    readonly cursor?: string | undefined,
  } = {}): Promise<Answer<ExperimentList>> {
    return this.#send("GET", "/admin/experiments", { query: { status: given.status, policy: given.policy, contains: given.contains, limit: given.limit, cursor: given.cursor } })
  }

  /** One experiment's document. */
  readExperiment(given: {
    readonly experiment: string,
    readonly accept?: string | undefined,
  }): Promise<Answer<PublishedExperiment>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}`, { headers: { accept: given.accept } })
  }

  /** What is known of each variant. */
  readStatistics(given: { readonly experiment: string }): Promise<Answer<Statistics>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/stats`, {})
  }

  /** The allocation in force. */
  readAllocation(given: { readonly experiment: string }): Promise<Answer<Allocation>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/allocation`, {})
  }

  /** What a unit would get, and why. */
  explainChoice(given: {
    readonly experiment: string,
    readonly unitId: string,
  }): Promise<Answer<Explanation>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/explain`, { query: { unitId: given.unitId } })
  }

  /** Create or replace an experiment. */
  putExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly ifNoneMatch?: "*" | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
    readonly reset?: string | undefined,
    readonly keep?: string | undefined,
    readonly body: Experiment | string,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("PUT", `/admin/experiments/${encodeURIComponent(given.experiment)}`, {
      query: { dryRun: given.dryRun, reason: given.reason, reset: given.reset, keep: given.keep },
      headers: { "if-match": given.ifMatch, "if-none-match": given.ifNoneMatch },
      body: given.body,
      json: "application/json",
      text: "application/yaml",
    })
  }

  /** Change some fields. */
  patchExperiment(given: {
    readonly experiment: string,
    readonly ifMatch: string,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
    readonly reset?: string | undefined,
    readonly keep?: string | undefined,
    readonly body: ExperimentPatch,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("PATCH", `/admin/experiments/${encodeURIComponent(given.experiment)}`, {
      query: { dryRun: given.dryRun, reason: given.reason, reset: given.reset, keep: given.keep },
      headers: { "if-match": given.ifMatch },
      body: given.body,
      json: "application/merge-patch+json",
    })
  }

  /** Delete an experiment. */
  removeExperiment(given: {
    readonly experiment: string,
    readonly ifMatch: string,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("DELETE", `/admin/experiments/${encodeURIComponent(given.experiment)}`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Run a draft. */
  startExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/start`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Give everyone the control. */
  pauseExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/pause`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Run what was paused. */
  resumeExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/resume`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** End an experiment. */
  concludeExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/conclude`, {
      query: { dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Give everyone a variant. */
  promoteVariant(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly variant: string,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/promote`, {
      query: { variant: given.variant, dryRun: given.dryRun, reason: given.reason },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Go back to an earlier document. */
  rollbackExperiment(given: {
    readonly experiment: string,
    readonly ifMatch?: string | undefined,
    readonly to?: number | undefined,
    readonly dryRun?: boolean | undefined,
    readonly reason?: string | undefined,
    readonly reset?: string | undefined,
    readonly keep?: string | undefined,
  }): Promise<Answer<ExperimentEdit>> {
    return this.#send("POST", `/admin/experiments/${encodeURIComponent(given.experiment)}/rollback`, {
      query: { to: given.to, dryRun: given.dryRun, reason: given.reason, reset: given.reset, keep: given.keep },
      headers: { "if-match": given.ifMatch },
    })
  }

  /** Every revision, newest first. */
  readHistory(given: {
    readonly experiment: string,
    readonly limit?: number | undefined,
    readonly cursor?: number | undefined,
  }): Promise<Answer<ExperimentHistory>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/history`, { query: { limit: given.limit, cursor: given.cursor } })
  }

  /** A document as it was. */
  readRevision(given: {
    readonly experiment: string,
    readonly revision: number,
  }): Promise<Answer<PublishedExperiment>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/history/${encodeURIComponent(given.revision)}`, {})
  }

  /** What is different between two revisions. */
  readDiff(given: {
    readonly experiment: string,
    readonly from?: number | undefined,
    readonly to?: number | undefined,
  }): Promise<Answer<ExperimentDiff>> {
    return this.#send("GET", `/admin/experiments/${encodeURIComponent(given.experiment)}/diff`, { query: { from: given.from, to: given.to } })
  }

  /** Who changed what, and who was refused. */
  readAudit(given: {
    readonly subject?: string | undefined,
    readonly actor?: string | undefined,
    readonly limit?: number | undefined,
    readonly cursor?: number | undefined,
  } = {}): Promise<Answer<AuditPage>> {
    return this.#send("GET", "/admin/audit", { query: { subject: given.subject, actor: given.actor, limit: given.limit, cursor: given.cursor } })
  }

  /** The API keys there are. */
  listKeys(): Promise<Answer<KeyList>> {
    return this.#send("GET", "/admin/keys", {})
  }

  /** Make an API key. */
  makeKey(given: { readonly body: KeyWish }): Promise<Answer<MadeKey>> {
    return this.#send("POST", "/admin/keys", {
      body: given.body,
      json: "application/json",
    })
  }

  /** Leads to the documentation. */
  root(): Promise<Answer<RootLiveness>> {
    return this.#send("GET", "/", {})
  }

  /** Alive. */
  healthz(): Promise<Answer<Liveness>> {
    return this.#send("GET", "/healthz", {})
  }

  /** Ready for traffic. */
  readyz(): Promise<Answer<Readiness>> {
    return this.#send("GET", "/readyz", {})
  }

  /** Load balancer's check. */
  healthcheck(): Promise<Answer<Healthcheck>> {
    return this.#send("GET", "/healthcheck", {})
  }

  /** Metrics for Prometheus. */
  metrics(): Promise<Answer<string>> {
    return this.#send("GET", "/metrics", {})
  }

  /** This contract as OpenAPI 3.1. */
  openapi(): Promise<Answer<string>> {
    return this.#send("GET", "/openapi.json", {})
  }

  /** JSON Schema of an experiment document. */
  experimentSchema(): Promise<Answer<string>> {
    return this.#send("GET", "/schemas/experiment.json", {})
  }

  /** @throws GatewayProblem for every answer that isn't 2xx; what fetch throws where the gateway can't be reached in time */
  async #send<Body>(method: string, path: string, given: Sent): Promise<Answer<Body>> {
    const { address, key, timeoutMs = 5_000 } = this.#options
    const query = Object.entries(given.query ?? {}).flatMap(([name, value]) => {
      return value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`]
    })
    const headers = new Headers(key === undefined ? {} : { authorization: `Bearer ${key}` })
    for (const [name, value] of Object.entries(given.headers ?? {})) if (value !== undefined) headers.set(name, String(value))
    const { body } = given
    if (body !== undefined) headers.set("content-type", typeof body === "string" ? (given.text ?? "text/plain") : (given.json ?? "application/json"))
    const answer = await fetch(`${address.replace(/\/$/, "")}${path}${query.length === 0 ? "" : `?${query.join("&")}`}`, {
      method,
      headers,
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new GatewayProblem(toProblem(answer.status, text))
    const isJson = (answer.headers.get("content-type") ?? "").includes("json")
    return { status: answer.status, etag: answer.headers.get("etag") ?? undefined, body: (isJson ? JSON.parse(text) : text) as Body }
  }
}

interface Sent {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly headers?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  /** Media types of a body that is an object, and of one that is text. */
  readonly json?: string
  readonly text?: string
}

/** Whoever stands in between may answer something else than the gateway. */
function toProblem(status: number, text: string): Problem {
  try {
    const problem = JSON.parse(text) as Problem
    if (typeof problem.code === "string") return problem
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return { type: "about:blank", title: `The answer is ${status} and no problem document`, status, code: "internal", detail: text.slice(0, 200) }
}
