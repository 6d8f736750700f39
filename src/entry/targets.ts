import { createHttpModel } from "../adapters/http-model/model-endpoint.ts"
import type { SageMakerModels } from "../adapters/sagemaker/sdk.ts"
import { readTargetsFile } from "../adapters/targets/targets-file.ts"
import { createOutboundHttp } from "../adapters/undici/outbound-http.ts"
import { type GuardedModel, TargetGuard } from "../app/target-guard.ts"
import type { Config } from "../config.ts"
import type { Backend, RemoteBackend } from "../domain/backends/backend.ts"
import { targetNameProblem } from "../domain/backends/fit.ts"
import type { LocatedTarget } from "../domain/backends/target.ts"
import type { Clock } from "../ports/clock.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"
import { KeptWhileUsed } from "./kept-while-used.ts"

export interface TargetsOptions {
  readonly targets: ReadonlyMap<string, LocatedTarget>
  /** Threads that share each target's limit. */
  readonly threads: number
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** The targets of TARGETS_FILE, none without one. @throws GatewayError `config_invalid` */
export async function configuredTargets({
  targetsFile,
}: Pick<Config, "targetsFile">): Promise<ReadonlyMap<string, LocatedTarget>> {
  const located = new Map<string, LocatedTarget>()
  if (targetsFile === undefined) return located
  for (const [name, target] of await readTargetsFile(targetsFile)) {
    located.set(name, target.kind === "http" ? target : await (await loadSdk()).locateTarget(name, target))
  }
  return located
}

/** The AWS SDK takes a quarter of a second to load: only where it is needed. */
async function loadSdk() {
  return await import("../adapters/sagemaker/sdk.ts")
}

interface KnownModel {
  readonly endpoint: ModelEndpoint
  readonly guard: TargetGuard
  readonly calls: GuardedModel
}

/** The targets of TARGETS_FILE as one thread calls them: connections, limits and circuits by target and model. */
export class Targets {
  readonly #options: TargetsOptions
  readonly #sagemaker: SageMakerModels | undefined
  readonly #guards = new Map<string, TargetGuard>()
  /** By backend as it is written: what is known of a model outlives the revisions that name it. */
  readonly #endpoints: KeptWhileUsed<KnownModel>

  private constructor(options: TargetsOptions, sagemaker: SageMakerModels | undefined) {
    this.#options = options
    this.#sagemaker = sagemaker
    this.#endpoints = new KeptWhileUsed(() => options.clock.monotonicMs())
  }

  static async open(options: TargetsOptions): Promise<Targets> {
    const needed = [...options.targets.values()].some(({ kind }) => kind === "sagemaker")
    return new Targets(options, needed ? (await loadSdk()).createSageMakerModels(options.clock) : undefined)
  }

  /** Those that have been called for, for whoever watches them. */
  get guards(): readonly TargetGuard[] {
    return [...this.#guards.values()]
  }

  /** Why a backend can't be served, undefined where it can. */
  problem(backend: RemoteBackend): string | undefined {
    return targetNameProblem(backend, this.#options.targets)
  }

  /** @throws Error for a backend that has a problem */
  endpointOf(backend: RemoteBackend): ModelEndpoint {
    const problem = this.problem(backend)
    const target = this.#options.targets.get(backend.target)
    if (problem !== undefined || target === undefined) throw new Error(`the backend ${problem}`)
    const { endpoint } = this.#endpoints.get(nameOf(backend)) ?? this.#create(backend, target)
    // Documents are about to be published or reviewed.
    void endpoint.describe?.()
    return endpoint
  }

  /** Forgets models that no document names any more. @param needed what documents name */
  forgetUnused(needed: readonly Backend[]): void {
    const names = needed.flatMap((backend) => (backend.kind === "embedded" ? [] : [nameOf(backend)]))
    for (const { guard, calls } of this.#endpoints.forgetUnused(new Set(names))) guard.forget(calls)
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await Promise.all(this.guards.map(({ outbound }) => outbound.close()))
  }

  #create(backend: RemoteBackend, target: LocatedTarget): KnownModel {
    const guard = this.#guardOf(backend.target, target)
    const calls = guard.forModel()
    const known = { endpoint: this.#endpointFor(backend, target, calls), guard, calls }
    this.#endpoints.set(nameOf(backend), known)
    return known
  }

  #endpointFor(backend: RemoteBackend, target: LocatedTarget, calls: GuardedModel): ModelEndpoint {
    if (backend.kind === "http" && target.kind === "http") {
      return createHttpModel({ backend, target, calls, clock: this.#options.clock })
    }
    if (backend.kind === "sagemaker" && target.kind === "sagemaker") {
      const model = this.#sagemaker?.(backend, target, calls)
      if (model !== undefined) return model
    }
    throw new Error(`the backend doesn't fit its target ${backend.target}`)
  }

  #guardOf(name: string, target: LocatedTarget): TargetGuard {
    const { threads, clock, random } = this.#options
    let guard = this.#guards.get(name)
    if (guard === undefined) {
      const maxConcurrent = Math.max(1, Math.floor(target.maxConcurrent / threads))
      const outbound = createOutboundHttp({
        origin: new URL(target.kind === "http" ? target.baseUrl : target.endpointUrl).origin,
        connections: maxConcurrent,
        maxAnswerBytes: target.maxBodyBytes,
      })
      guard = new TargetGuard({ name, outbound, maxConcurrent }, clock, random)
      this.#guards.set(name, guard)
    }
    return guard
  }
}

/** A backend as it is written. */
function nameOf(backend: RemoteBackend): string {
  return JSON.stringify(backend)
}
