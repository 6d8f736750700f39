import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { readAds } from "#src/cli/demo/ads.ts"

it("reads labels and features", () => {
  expect(readAds("click,hour,site\n1,14102100,a\n0,14102101,\n")).toEqual([
    { features: { hour: "14102100", site: "a" }, clicked: true },
    { features: { hour: "14102101", site: "" }, clicked: false },
  ])
})

it.each([
  ["another first column", "hour,click\n1,0", "a column named click"],
  ["a label that is none", "click,hour\n1,14102100\n2,14102100", "line 3"],
  ["a missing cell", "click,hour,site\n1,14102100", "line 2"],
  ["an empty line", "click,hour\n\n1,14102100", "line 2"],
])("refuses %s", (_, csv, message) => {
  expect(() => readAds(csv)).toThrow(message)
})

it("reads the example's 2,808 ads, 394 of them clicked", () => {
  const ads = readAds(readFileSync("examples/traffic/held-out-ads.csv", "utf8"))
  expect(ads).toHaveLength(2808)
  expect(ads.filter((ad) => ad.clicked)).toHaveLength(394)
  expect(new Set(ads.map((ad) => JSON.stringify(ad.features))).size).toBe(2808)
})
