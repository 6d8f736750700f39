import { expect, it } from "vitest"
import { LiveScreen } from "#src/cli/demo/live-screen.ts"
import { bar, frame, line, percent, probability } from "#src/cli/demo/screen.ts"

const moment = {
  decisions: 22_500,
  totalDecisions: 45_000,
  elapsedSeconds: 30,
  variants: [
    { id: "champion", decisions: 3000, rewards: 585, rate: 0.195, allocation: 0.125, probabilityBest: 0.0001 },
    { id: "challenger", decisions: 19_500, rewards: 4173, rate: 0.214, allocation: 0.875, probabilityBest: 0.9876 },
  ],
}

it("draws progress, and a line for each variant, within 80 columns", () => {
  expect(frame(moment)).toEqual([
    "██████████░░░░░░░░░░  22,500 of 45,000 decisions, 30 s, 750/s",
    "",
    "            allocation              decisions   clicks   click rate   P(best)",
    "champion    ██░░░░░░░░░░░░░░  13 %      3,000      585      19.50 %   < 0.001",
    "challenger  ██████████████░░  88 %     19,500    4,173      21.40 %     0.988",
  ])
})

it("says the same in a line", () => {
  expect(line(moment)).toBe(
    "30 s, 22,500 decisions: champion 13 % of traffic, click rate 19.50 %, P(best) < 0.001; challenger 88 % of traffic, click rate 21.40 %, P(best) 0.988",
  )
})

it("writes what isn't known as a dash, and never rounds to certainty", () => {
  expect(percent(null, 1)).toBe("–")
  expect(probability(null)).toBe("–")
  expect([0, 0.0004, 0.5, 0.9996, 1].map(probability)).toEqual(["< 0.001", "< 0.001", "0.500", "> 0.999", "> 0.999"])
})

it("keeps a bar inside its width", () => {
  expect([-1, 0, 0.5, 1, 2].map((share) => bar(share, 4))).toEqual(["░░░░", "░░░░", "██░░", "████", "████"])
})

it("draws over its last picture on a terminal, and cuts what would wrap", () => {
  const written: string[] = []
  const screen = new LiveScreen({ write: (text) => written.push(text), isTTY: true, columns: 40 })
  screen.show(moment)
  screen.show(moment)
  expect(written[0]?.startsWith("\x1b[2K")).toBe(true)
  expect(written[1]).toBe(`\x1b[5A${written[0]}`)
  const widths = (written[0] ?? "")
    .replaceAll("\x1b[2K", "")
    .split("\n")
    .map((text) => text.length)
  expect(Math.max(...widths)).toBe(40)
})

it("writes a line every five seconds elsewhere", () => {
  const written: string[] = []
  const screen = new LiveScreen({ write: (text) => written.push(text) })
  for (const elapsedSeconds of [0, 1, 4.9, 5, 6, 11]) screen.show({ ...moment, elapsedSeconds })
  expect(written.map((text) => text.split(",")[0])).toEqual(["0 s", "5 s", "11 s"])
})
