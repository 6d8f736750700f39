import * as z from "zod"
import type { Status } from "./life-cycle.ts"

const moment = z.iso.datetime({ offset: true, error: "must be a time such as 2026-12-01T08:00:00Z" })

/** `schedule` of a document: when its status changes by itself. */
export const scheduleSchema = z
  .strictObject({
    startAt: moment.optional().describe("A draft runs from then on"),
    endAt: moment.optional().describe("A running or paused experiment is concluded then"),
  })
  .refine(({ startAt, endAt }) => startAt === undefined || endAt === undefined || timeOf(startAt) < timeOf(endAt), {
    message: "startAt must be before endAt",
  })

interface Scheduled {
  readonly status: Status
  readonly schedule?: z.output<typeof scheduleSchema> | undefined
}

/** The document with the status that its schedule gives it. @param now epoch milliseconds */
export function onSchedule<Document extends Scheduled>(experiment: Document, now: number): Document {
  const { status, schedule } = experiment
  const ended = schedule?.endAt !== undefined && timeOf(schedule.endAt) <= now
  if (ended && (status === "running" || status === "paused")) return { ...experiment, status: "concluded" }
  const begun = schedule?.startAt !== undefined && timeOf(schedule.startAt) <= now
  return begun && !ended && status === "draft" ? { ...experiment, status: "running" } : experiment
}

function timeOf(text: string): number {
  return Date.parse(text)
}
