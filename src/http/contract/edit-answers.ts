import * as z from "zod"

const revision = z.int().min(0)
const series = z.int().min(0)
const documentPath = z.string().describe("policy.minPropensity, variants.champion.weight; empty for a whole document")
const change = z.object({
  path: documentPath,
  before: z.unknown().describe("null where the document said nothing"),
  after: z.unknown().describe("null where it says nothing now"),
})
const shares = z.record(z.string(), z.number().min(0).max(1)).nullable()

/** A merge patch. */
export const experimentPatchSchema = z
  .record(z.string(), z.unknown())
  .describe("Members of an Experiment; null takes one away")

export const experimentEditSchema = z.object({
  experiment: z.string(),
  dryRun: z.boolean(),
  revision: revision.describe("In force after the edit; of a dry run, now. 0: there never was one"),
  changes: z.array(change).describe("None: there is no new revision, unless statistics begin anew"),
  allocation: z
    .object({ before: shares, after: shares })
    .describe("Probability by variant while the experiment runs; null where there is none, or counters can't be read"),
  series: z
    .array(
      z.object({
        variant: z.string(),
        before: series.describe("0 for a variant that there never was"),
        after: series,
        why: z.enum([
          "kept",
          "kept_on_request",
          "new_variant",
          "came_back",
          "backend_changed",
          "model_replaced",
          "metric_changed",
          "reset",
        ]),
      }),
    )
    .describe("What becomes of each variant's statistics: a higher number begins them anew"),
  beginsEpoch: z.boolean().describe("Whether the traffic is divided otherwise, so that rates are compared anew"),
  warnings: z
    .array(z.object({ pointer: z.string().describe("RFC 6901, into the document"), detail: z.string() }))
    .describe("What is valid and probably not meant"),
})

export const experimentHistorySchema = z.object({
  experiment: z.string(),
  revisions: z.array(
    z.object({
      revision: z.int().min(1),
      at: z.iso.datetime(),
      actor: z.string(),
      source: z.enum(["folder", "api"]).describe("Where the document came from"),
      reason: z.string().optional(),
      held: z
        .enum(["draft", "running", "paused"])
        .optional()
        .describe("The status in the file, which a pause over the API holds back until it is resumed"),
      deleted: z.boolean(),
      diff: z.array(z.string()).describe("One line a place"),
      series: z.record(z.string(), series),
      epoch: z.int().min(1),
    }),
  ),
  nextCursor: z.string().optional().describe("Where there are more"),
})

export const experimentDiffSchema = z.object({
  experiment: z.string(),
  from: z.int().min(1),
  to: z.int().min(1),
  changes: z.array(change),
  series: z
    .array(z.object({ variant: z.string(), before: series, after: series }))
    .describe("Variants whose statistics are other ones"),
})

export const auditPageSchema = z.object({
  lines: z.array(
    z.object({
      prev: z.string().describe("SHA-256 of the line before, in hex"),
      seq: z.int().min(1),
      chain: z.string().describe("Id of this gateway's trail"),
      at: z.iso.datetime(),
      actor: z.string(),
      action: z.string(),
      subject: z.string(),
      outcome: z
        .enum(["done", "failed", "refused"])
        .describe(
          "done: written before the change acts; failed: that change did not come about; refused: nothing was attempted",
        ),
      revision: z.int().min(1).optional(),
      diff: z.array(z.string()).optional(),
      reason: z.string().optional(),
      code: z.string().optional().describe("Why it failed or was refused: the code of a problem"),
    }),
  ),
  nextCursor: z.string().optional().describe("Where there are more"),
})
