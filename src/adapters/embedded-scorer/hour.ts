/** What a model can derive from an ad request's hour. All are the strings that the training pipeline hashed. */
export interface HourTokens {
  /** `2014-10-21 00:00:00.000000` */
  readonly datetime: string
  /** `0` to `23`, without a leading zero. */
  readonly hourOfDay: string
  /** `0` (Monday) to `6`. */
  readonly weekday: string
}

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

/**
 * Reads an hour as `YYMMDDHH`: eight digits, a day that exists, hours 00 to 23.
 *
 * Years are those of Python's `%y`, with which the models were trained: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068.
 *
 * @returns undefined when it is not such an hour
 */
export function parseHour(text: string): HourTokens | undefined {
  if (!/^\d{8}$/.test(text)) return undefined
  const shortYear = Number(text.slice(0, 2))
  const year = shortYear < 69 ? 2000 + shortYear : 1900 + shortYear
  const month = Number(text.slice(2, 4))
  const day = Number(text.slice(4, 6))
  const hour = Number(text.slice(6, 8))
  if (day < 1 || day > daysIn(year, month) || hour > 23) return undefined
  return {
    datetime: `${year}-${text.slice(2, 4)}-${text.slice(4, 6)} ${text.slice(6, 8)}:00:00.000000`,
    hourOfDay: String(hour),
    weekday: String((new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7),
  }
}

/** 0 for a month that doesn't exist. */
function daysIn(year: number, month: number): number {
  // Between 1969 and 2068 every fourth year is a leap year, 2000 included.
  if (month === 2 && year % 4 === 0) return 29
  return DAYS_IN_MONTH[month - 1] ?? 0
}
