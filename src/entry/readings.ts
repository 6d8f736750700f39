import type { NdjsonOutcomeLog } from "../adapters/ndjson/outcome-log.ts"
import type { RecorderCounts } from "../app/recorder.ts"
import type { RetentionCounts } from "../app/retain-log.ts"
import type { Readings } from "../http/gauges.ts"
import type { IncomingBodies } from "./incoming-body.ts"
import type { Gate } from "./overload/gate.ts"
import type { Peers } from "./peers.ts"

/** Whether anything can't be written now. */
export function storageReading(fails: () => boolean): Readings {
  return {
    bandit_storage_failing: {
      help: "1 while log, counters or signing key can't be written, a full disk for example; /readyz says which",
      read: () => Number(fails()),
      overThreads: "max",
    },
  }
}

/** The outcome log's and the recorder's own counts as metrics. */
export function logReadings(
  log: Pick<NdjsonOutcomeLog, "counts" | "backlogBytes">,
  recorder: Readonly<RecorderCounts>,
): Readings {
  const { counts } = log
  return {
    bandit_log_backlog_bytes: {
      help: "Bytes of outcome lines in memory, not written or not durable yet; beyond 64 MiB lines are dropped",
      read: () => log.backlogBytes,
    },
    bandit_log_lines: { help: "Outcome lines appended since the start", read: () => counts.appendedLines },
    bandit_log_bytes: { help: "Bytes of outcomes appended since the start", read: () => counts.appendedBytes },
    bandit_log_lines_dropped: { help: "Outcome lines that could not be written", read: () => counts.droppedLines },
    bandit_log_lines_late: {
      help: "Decisions answered before their line was written, the disk being slow",
      read: () => counts.lateLines,
    },
    bandit_log_write_errors: { help: "Writes that the disk refused", read: () => counts.writeErrors },
    bandit_log_syncs: { help: "Times the log was made durable", read: () => counts.syncs },
    bandit_log_sync_errors: { help: "Syncs that the disk refused", read: () => counts.syncErrors },
    bandit_log_torn_lines: { help: "Torn last lines found at the start", read: () => counts.tornLines },
    bandit_folds: { help: "Transactions that folded outcomes into counters", read: () => recorder.folds },
    bandit_folds_failed: {
      help: "Folds that the store refused; they are tried again",
      read: () => recorder.failedFolds,
    },
    bandit_rewards_waiting: {
      help: "Rewards in memory that are not counted yet; beyond 10,000 they wait in the log alone",
      read: () => recorder.waitingRewards,
    },
  }
}

/** What went of the log. @param lostFiles files that were needed to make the counters, gone and in no checkpoint */
export function retentionReadings(retention: () => Readonly<RetentionCounts>, lostFiles: () => number): Readings {
  const read = (name: keyof RetentionCounts) => (): number => retention()[name]
  return {
    bandit_log_files_deleted: { help: "Files of the outcome log deleted since the start", read: read("deletedFiles") },
    bandit_log_bytes_deleted: { help: "Bytes of those files", read: read("deletedBytes") },
    bandit_checkpoints: { help: "Checkpoints of the counters written since the start", read: read("checkpoints") },
    bandit_outcomes_lost_to_followers: {
      help: "Outcomes deleted before a follower took them, for each follower that missed them",
      read: read("lostToFollowers"),
    },
    bandit_retention_failures: {
      help: "Looks for files to delete that failed; they are repeated every minute",
      read: read("failures"),
    },
    bandit_log_files_lost: {
      help: "Files of the outcome log that the start needed, gone and in no checkpoint: the counters lack their outcomes",
      read: lostFiles,
    },
  }
}

/** What became of connections and of the bodies that came over them. */
export function wireReadings(peers: Peers, bodies: IncomingBodies): Readings {
  return {
    bandit_connections: { help: "Connections open now", read: () => peers.counts.connections },
    bandit_connections_stalled: {
      help: "Connections closed because their peer did not take its answers",
      read: () => peers.counts.stalled,
    },
    bandit_connections_flooding: {
      help: "Connections closed because too many requests waited on them",
      read: () => peers.counts.flooding,
    },
    bandit_connections_crowded_out: {
      help: "Connections closed because too many were open",
      read: () => peers.counts.crowdedOut,
    },
    bandit_bodies_aborted: {
      help: "Requests whose peer went away before the body was whole",
      read: () => bodies.counts.aborted,
    },
    bandit_bodies_refused: {
      help: "Large bodies refused because too many were arriving at once",
      read: () => bodies.counts.refused,
    },
  }
}

/** What limits are in force, and what is measured against them. */
export function overloadReadings({ admission, resting }: Gate): Readings {
  return {
    bandit_overloaded: {
      help: "1 while requests are refused because they would wait too long",
      read: () => Number(admission.overloaded),
      overThreads: "max",
    },
    bandit_requests_queued: {
      help: "Requests that have arrived and wait for the thread that serves them",
      read: () => admission.state.queued,
    },
    bandit_requests_in_flight: {
      help: "Requests that wait for something else: a model elsewhere, the disk, the counters",
      read: () => admission.state.inFlight,
    },
    bandit_concurrency_limit: {
      help: "How many requests may be in flight",
      read: () => admission.state.concurrencyLimit,
    },
    bandit_connections_resting: {
      help: "Connections that are not read because their peers were refused and told to wait",
      read: () => resting.count,
    },
    bandit_queue_wait_seconds: {
      help: "How long a request waited for its thread, the newest that was measured",
      read: () => admission.state.queueWaitMs / 1000,
      overThreads: "max",
    },
    bandit_event_loop_delay_seconds: {
      help: "How late timers came in the last second, 99th percentile",
      read: () => admission.state.load.loopDelayMs / 1000,
      overThreads: "max",
    },
    bandit_event_loop_utilization: {
      help: "Share of the time in which the thread had something to do, from 0 to 1",
      read: () => admission.state.load.loopUtilization,
      overThreads: "max",
    },
    bandit_heap_used_ratio: {
      help: "Used share of the most that the heap may take, from 0 to 1",
      read: () => admission.state.load.heapShare,
      overThreads: "max",
    },
  }
}
