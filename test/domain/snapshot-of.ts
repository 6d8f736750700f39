import { type Experiment, parseExperiment } from "#src/domain/experiment.ts"
import { createSnapshot, type Snapshot, type SnapshotParts } from "#src/domain/snapshot.ts"

/** A valid experiment `e` with the variants `a` (control) and `b`, changed as said. */
export function experimentOf(changes: Readonly<Record<string, unknown>> = {}): Experiment {
  const parsed = parseExperiment({
    id: "e",
    variants: ["a", "b"].map((id) => ({ id, backend: { kind: "embedded", model: "m" } })),
    control: "a",
    policy: { kind: "thompson" },
    ...changes,
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  return parsed.experiment
}

/** A snapshot of it, drawn from the given allocation. */
export function snapshotOf(
  changes: Readonly<Record<string, unknown>> = {},
  plan: SnapshotParts["plan"] = { allocation: [0.25, 0.75], reasons: ["policy", "policy"] },
): Snapshot {
  return createSnapshot({ experiment: experimentOf(changes), revision: 3, stateVersion: 9, plan, keyId: "k1" })
}
