import { defineConfig } from "vitest/config"

/** By default one core is left to vitest itself: on a machine of two that is half of it. */
const ALL_CORES = "100%"

/** A busy machine fails no test: what is waited for may take long. */
const timeouts = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } } }

/** `npm test` runs the project `node`, which needs nothing but Node, npm and redis-server. The project `tools` needs what scripts/setup-tools.sh installs. */
export default defineConfig({
  test: {
    maxWorkers: ALL_CORES,
    projects: [
      { test: { name: "node", include: ["test/**/*.test.ts"], exclude: ["test/tools/**"], ...timeouts } },
      { test: { name: "tools", include: ["test/tools/**/*.test.ts"], ...timeouts } },
    ],
  },
})
