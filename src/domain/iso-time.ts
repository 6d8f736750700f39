const DAY_MS = 86_400_000
/** Days whose text is kept. */
const MOST_DAYS = 1_000

const TWO_DIGITS = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, "0"))
const THREE_DIGITS = Array.from({ length: 1_000 }, (_, value) => String(value).padStart(3, "0"))
/** By day since 1970: `2026-11-21T`. */
const days = new Map<number, string>()

/** The same text as `new Date(ms).toISOString()`, in a tenth of the time. @param ms epoch milliseconds, whole, in a year from 0 to 9999 */
export function isoTime(ms: number): string {
  const day = Math.floor(ms / DAY_MS)
  let text = days.get(day)
  if (text === undefined) {
    text = new Date(ms).toISOString().slice(0, 11)
    if (days.size >= MOST_DAYS) days.clear()
    days.set(day, text)
  }
  const inDay = ms - day * DAY_MS
  const seconds = Math.floor(inDay / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  return `${text}${TWO_DIGITS[hours]}:${TWO_DIGITS[minutes - hours * 60]}:${TWO_DIGITS[seconds - minutes * 60]}.${THREE_DIGITS[inDay - seconds * 1000]}Z`
}
