import { Refusal } from "./refusal.ts"

/** A time that was written as an option, epoch milliseconds. @throws Refusal */
export function timeOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) throw new Refusal(`${option} ${text} is no time: write 2026-11-20T12:00:00Z`)
  return time
}
