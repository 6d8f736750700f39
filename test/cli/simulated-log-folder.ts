import { writeFileSync } from "node:fs"
import { join } from "node:path"
import seedrandom from "seedrandom"
import { simulatedExperiment } from "#src/app/simulation/simulated-experiment.ts"
import { simulatedLog } from "#src/app/simulation/simulated-log.ts"
import { scenarioSchema } from "#src/app/simulation/simulation-scenario.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

/** The folder of a log of an even split, or of another policy, between a variant that earns 20 % and one that earns 40 %. */
export function logOf(policy: object = { kind: "static" }, stickiness = "request"): string {
  const scenario = scenarioSchema.parse({
    id: "two",
    T: 3_000,
    batch: 10,
    segments: [[0, [0.2, 0.4]]],
    ...(stickiness === "unit" ? { units: { visits: 2 } } : {}),
  })
  const parsed = simulatedExperiment(scenario, { policy, stickiness })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  const stream = seedrandom.alea("log")
  const events = simulatedLog(scenario, parsed.experiment, () => stream.double())
  const lines = events.map((event, index) =>
    JSON.stringify("features" in event ? { ...event, features: { site: index % 3 === 0 ? "a" : "b" } } : event),
  )
  const folder = temporaryFolder()
  writeFileSync(join(folder, "outcomes-00000001.ndjson"), `${lines.join("\n")}\n`)
  return folder
}
