import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** By default one core is left to vitest itself: on a machine of two that is half of it. */
const ALL_CORES = "100%"

/** A busy machine fails no test: what is waited for may take long. */
const timeouts = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } } }

/** What takes minutes, the longest first. */
const LONG = ["chaos/chaos", "tools/power-failure", "entry/emptied-redis", "entry/redis-faults", "crash/kill"]

/** Small files come last otherwise, and one that waits for minutes would run alone in the end. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONG.findIndex((name) => moduleId.endsWith(`test/${name}.test.ts`))
      return place < 0 ? LONG.length : place
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

/** `npm test` runs the project `node`, which needs nothing but Node, npm and redis-server. The project `tools` needs what scripts/setup-tools.sh installs. */
export default defineConfig({
  test: {
    maxWorkers: ALL_CORES,
    sequence: { sequencer: LongFirst },
    projects: [
      { test: { name: "node", include: ["test/**/*.test.ts"], exclude: ["test/tools/**"], ...timeouts } },
      { test: { name: "tools", include: ["test/tools/**/*.test.ts"], ...timeouts } },
    ],
  },
})
