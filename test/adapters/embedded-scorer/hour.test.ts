import * as fc from "fast-check"
import { expect, it } from "vitest"
import { parseHour } from "#src/adapters/embedded-scorer/hour.ts"

it("derives the three tokens of an ad request's hour", () => {
  expect(parseHour("14102100")).toEqual({ datetime: "2014-10-21 00:00:00.000000", hourOfDay: "0", weekday: "1" })
  expect(parseHour("14102623")).toEqual({ datetime: "2014-10-26 23:00:00.000000", hourOfDay: "23", weekday: "6" })
  expect(parseHour("14102709")).toEqual({ datetime: "2014-10-27 09:00:00.000000", hourOfDay: "9", weekday: "0" })
})

it("reads two-digit years as Python does", () => {
  expect(parseHour("68010100")?.datetime).toBe("2068-01-01 00:00:00.000000")
  expect(parseHour("69010100")?.datetime).toBe("1969-01-01 00:00:00.000000")
})

it("knows the leap years", () => {
  for (const leap of ["00022900", "16022900", "72022900"]) expect(parseHour(leap)).toBeDefined()
  for (const common of ["14022900", "99022900", "16023000"]) expect(parseHour(common)).toBeUndefined()
})

it("refuses what is not eight digits of a real hour", () => {
  const wrong = ["", "1410210", "141021000", "14102124", "14100000", "14103200", "14001000", "14131000", "14093100"]
  wrong.push("1410210 ", " 14102100", "14102100\n", "2014-10-21", "+4102100", "١٤١٠٢١٠٠", "abcdefgh")
  expect(wrong.filter((text) => parseHour(text) !== undefined)).toEqual([])
})

it("agrees with the calendar on every hour from 1969 to 2068", () => {
  const minHour = Date.UTC(1969, 0, 1) / 3_600_000
  const maxHour = Date.UTC(2068, 11, 31, 23) / 3_600_000
  fc.assert(
    fc.property(fc.integer({ min: minHour, max: maxHour }), (hour) => {
      const date = new Date(hour * 3_600_000)
      const iso = date.toISOString()
      const text = iso.slice(2, 4) + iso.slice(5, 7) + iso.slice(8, 10) + iso.slice(11, 13)
      expect(parseHour(text)).toEqual({
        datetime: `${iso.slice(0, 10)} ${iso.slice(11, 13)}:00:00.000000`,
        hourOfDay: String(date.getUTCHours()),
        weekday: String((date.getUTCDay() + 6) % 7),
      })
    }),
  )
})
