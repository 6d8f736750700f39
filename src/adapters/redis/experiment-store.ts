import { GatewayError } from "../../domain/errors.ts"
import type { ExperimentId } from "../../domain/ids.ts"
import type { ExperimentStore, StoredRevision } from "../../ports/experiment-store.ts"
import { asking, type RedisClient } from "./connection.ts"
import { resultsOf } from "./experiment-reader.ts"
import { PUBLISHED, REVISIONS } from "./keys.ts"
import { Script } from "./script.ts"

const APPEND = new Script("append-revision")

/** Experiments and their revisions in Redis, all in one slot of a cluster: documents are few and small. */
export function createRedisExperimentStore(client: RedisClient): ExperimentStore {
  async function newest(): Promise<{ readonly experiment: ExperimentId; readonly revision: number }[]> {
    const known = Object.entries(await client.hgetall(REVISIONS.newest))
    // Only parsed documents were appended, so every name is an experiment's id.
    return known.map(([experiment, revision]) => ({
      experiment: experiment as ExperimentId,
      revision: Number(revision),
    }))
  }

  return {
    newest: () => asking("newest revisions", newest),
    latest: () =>
      asking("latest revisions", async () => {
        const known = await newest()
        const pipeline = client.pipeline()
        for (const { experiment, revision } of known) pipeline.hget(REVISIONS.of(experiment), String(revision))
        return resultsOf(await pipeline.exec()).map((text) => JSON.parse(String(text)) as StoredRevision)
      }),
    history: (experiment) =>
      asking("history", async () => {
        const texts = Object.values(await client.hgetall(REVISIONS.of(experiment)))
        const revisions = texts.map((text) => JSON.parse(text) as StoredRevision)
        return revisions.toSorted((a, b) => a.revision - b.revision)
      }),
    append: (revision, after) =>
      asking("append", async () => {
        const { experiment } = revision
        if (revision.revision <= after) {
          throw new GatewayError("internal", {
            detail: `[redis] revision ${revision.revision} of ${experiment} is not after ${after}`,
          })
        }
        const values = [experiment, after, revision.revision, JSON.stringify(revision)]
        const [status, newestNow] = await APPEND.run(client, [REVISIONS.newest, REVISIONS.of(experiment)], values)
        if (status === "conflict") {
          throw new GatewayError("revision_conflict", {
            detail: `${experiment} is at revision ${String(newestNow)}, not ${after}`,
          })
        }
        // A hint: gateways that don't hear it find the revision when they look next.
        client.publish(PUBLISHED, experiment).catch(() => {})
      }),
  }
}
