const MINUTE_MS = 60_000
/** Minutes whose text is kept: those of two weeks' decisions and of the ends of their tokens, in at most 5 MB. */
const MOST_MINUTES = 50_000

/** What comes after the minute: `05.`. */
const SECONDS = Array.from({ length: 60 }, (_, value) => `${String(value).padStart(2, "0")}.`)
/** `007Z`. */
const MILLISECONDS = Array.from({ length: 1_000 }, (_, value) => `${String(value).padStart(3, "0")}Z`)
/** By minute since 1970: `2026-11-21T12:34:`. */
const minutes = new Map<number, string>()

/**
 * The same text as `new Date(ms).toISOString()`, in a tenth of the time. Put together of as few pieces as possible: V8 keeps the pieces of a text
 * for as long as it lives.
 *
 * @param ms epoch milliseconds, whole, in a year from 0 to 9999
 */
export function isoTime(ms: number): string {
  const minute = Math.floor(ms / MINUTE_MS)
  let text = minutes.get(minute)
  if (text === undefined) {
    text = new Date(ms).toISOString().slice(0, 17)
    if (minutes.size >= MOST_MINUTES) minutes.clear()
    minutes.set(minute, text)
  }
  const inMinute = ms - minute * MINUTE_MS
  const second = Math.floor(inMinute / 1000)
  return `${text}${SECONDS[second]}${MILLISECONDS[inMinute - second * 1000]}`
}
