import type { MessagePort } from "node:worker_threads"
import type { MetricObjectWithValues, MetricValue } from "prom-client"
import type { AllocatedBy } from "#policies/allocate.ts"
import type { Allocation } from "#policies/policy.ts"
import type { ModelParts } from "../../adapters/embedded-scorer/artifact.ts"
import type { EditCommand, EditResult } from "../../app/edit-experiment.ts"
import type { KeyWish, LiveKey, MadeKey } from "../../app/manage-keys.ts"
import type { Config } from "../../config.ts"
import type { LocatedTarget } from "../../domain/backends/target.ts"
import type { Definitions } from "../../domain/definitions.ts"
import type { AuditEvent, ExperimentEvent } from "../../domain/events.ts"
import type { Experiment } from "../../domain/experiment.ts"
import type { SnapshotLineage } from "../../domain/snapshot.ts"
import type { PartStates } from "../../http/routes/health.ts"
import type { AuditLine, AuditQuery, AuditRecord } from "../../ports/audit-log.ts"
import type { StoredKey } from "../../ports/key-store.ts"
import type { KnownCounters } from "../../ports/shared-counters.ts"
import type { Keys } from "../kept-keys.ts"
import type { RecordingState } from "../recording.ts"

// What the control thread and the serving threads do for each other. All of it is plain data: it is copied from thread to thread, but for
// shared memory and ports.

/** What a serving thread is started with. */
export interface ThreadSettings {
  /** From 1: whose log it writes. */
  readonly thread: number
  readonly dataDir: string
  readonly config: Config
  readonly targets: ReadonlyMap<string, LocatedTarget>
  /** How many there are. */
  readonly threads: number
  readonly keys: Keys
}

/** A thread's metrics as prom-client exports them. */
export type MetricsOfThread = MetricObjectWithValues<MetricValue<string>>[]

/** What the control thread does for those that serve. */
export interface ControlFunctions {
  /** Connects a port with the database's thread. */
  connectDatabase(port: MessagePort): void
  /** Settles when logs may be folded: the store is no longer to be made anew. @throws GatewayError `store_unavailable`, `log_unavailable` */
  prepare(): Promise<void>
  /** What shared counters were in the last checkpoint: for the thread's own store, before it reads any. @throws as `prepare` */
  know(): Promise<KnownCounters>
  /** States of the whole process. */
  readParts(): Promise<PartStates>
  /** Metrics of the whole process, in Prometheus' text format. */
  expose(): Promise<string>
  /** As `ManageKeys` has it, as the next two. */
  listKeys(): Promise<readonly StoredKey[]>
  makeKey(wanted: { readonly wish: KeyWish; readonly actor: string }): Promise<MadeKey>
  revokeKey(wanted: { readonly id: string; readonly actor: string }): Promise<boolean>
  /** Edits an experiment, and settles when every thread serves it so. @throws GatewayError as `createEditExperiment` says */
  edit(command: EditCommand): Promise<EditResult>
  /** @throws GatewayError `audit_unavailable` */
  readAudit(query: AuditQuery): Promise<readonly AuditLine[]>
  /** Records what was refused. */
  noteRefusal(record: AuditRecord): Promise<void>
  /** Writes a line of the operational log. */
  say(line: string): void
}

/** What a serving thread does when it is told to. */
export interface ServingFunctions {
  /** Opens its log and recovers. First of all. @returns whether its log is folded. @throws GatewayError `config_invalid`, `log_unavailable` */
  open(): Promise<boolean>
  /** Folds what earlier starts logged, where that could not be done yet. */
  recover(): Promise<void>
  /** Folds what its log has. @throws GatewayError `store_unavailable`, `log_unavailable` */
  flush(): Promise<void>
  /** Writes a revision to its own log, durably. @throws GatewayError `log_unavailable` */
  logRevision(event: ExperimentEvent): Promise<void>
  /** Writes how far the audit trail reaches to its own log, durably. @throws GatewayError `log_unavailable` */
  logAudit(event: AuditEvent): Promise<void>
  /** Learns what rewards of an experiment mean, before any thread decides by it. */
  learn(known: KnownDefinitions): void
  serve(served: PlainServed): void
  /** Decides by a newer allocation of the revision that it serves. */
  replan(plan: PlainPlan): void
  remove(experiment: Experiment["id"]): void
  /** Checks requests against these keys from now on. */
  putInForce(keys: readonly LiveKey[]): void
  /** @returns the port that it listens on */
  listen(port: number): Promise<number>
  drain(): void
  stopListening(): Promise<void>
  /** Syncs, folds and closes its log. */
  close(): Promise<void>
  metrics(): Promise<MetricsOfThread>
  state(): RecordingState
}

export interface KnownDefinitions {
  readonly experiment: Experiment["id"]
  readonly definitions: Definitions
}

/** One experiment as it is served, as plain data. */
export interface PlainServed {
  readonly experiment: Experiment
  readonly revision: number
  readonly lineage: SnapshotLineage
  readonly keyId: string
  readonly definitions: Definitions
  /** By variant, in the document's order; weights in shared memory. Null for a model at a target: each thread calls it by itself. */
  readonly models: readonly (ModelParts | null)[]
  readonly plan: PlainPlan
}

export interface PlainPlan {
  readonly experiment: Experiment["id"]
  readonly stateVersion: number
  readonly allocation: Allocation
  readonly reasons: readonly AllocatedBy[]
}
