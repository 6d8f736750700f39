import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, it } from "vitest"
import * as z from "zod"

const run = promisify(execFile)

const reportSchema = z.object({
  accepted: z.array(z.string()),
  byAddress: z.record(z.string(), z.string()),
  rebound: z.array(z.string()),
  redirected: z.array(z.string()),
  dialled: z.array(z.string()),
  caught: z.array(z.string()),
  unguarded: z.object({ dialled: z.array(z.string()), caught: z.array(z.string()) }),
})

/** A network namespace of its own: without root, one of a user namespace. */
const NAMESPACE = process.getuid?.() === 0 ? ["--net"] : ["--net", "--map-root-user"]

it("dials no forged address, no rebound name and no redirect, in a network where all addresses lead to a trap", async () => {
  const script = fileURLToPath(new URL("servers/metadata-honeypot.ts", import.meta.url))
  const { stdout } = await run("unshare", [...NAMESPACE, process.execPath, script])
  const report = reportSchema.parse(JSON.parse(stdout))
  expect(report.accepted).toEqual([])
  const outcomes = Object.values(report.byAddress)
  expect(outcomes.length).toBeGreaterThanOrEqual(20)
  expect(outcomes.filter((outcome) => outcome !== "refused" && outcome !== "unreachable")).toEqual([])
  expect(report.rebound).toEqual(report.rebound.map(() => "302 unreachable"))
  expect(report.redirected).toEqual(["302", expect.stringContaining("status 302")])
  expect(new Set(report.dialled)).toEqual(new Set(["127.0.0.1"]))
  expect(report.caught).toEqual([])
  const seen = ["169.254.169.254", "fd00:ec2::254", "100.100.100.200"]
  expect(report.unguarded.dialled.slice(-3)).toEqual(seen)
  expect(report.unguarded.caught.map((address) => address.replace("::ffff:", ""))).toEqual(seen)
})
