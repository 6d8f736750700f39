import { describe, expect, it } from "vitest"
import { allocate } from "#src/cli/allocate.ts"
import { capturedIo } from "./captured-io.ts"

async function run(...args: string[]) {
  const io = capturedIo()
  const code = await allocate.run(args, io)
  return { code, out: io.out(), err: io.err() }
}

const TWO_ARMS = '[{"n":100,"sum":12},{"n":100,"sum":16}]'

describe("allocate --json", () => {
  it.each([
    ["static", "{}", [0.5, 0.5]],
    ["epsilon-greedy", '{"epsilon":0.2}', [0.1, 0.9]],
    ["ucb1", '{"minPropensity":0.05}', [0.05, 0.95]],
    ["canary", '{"challenger":"0","share":0.25}', [0.25, 0.75]],
    ["thompson", '{"burnInDecisions":1000}', [0.5, 0.5]],
  ])("prints the allocation of %s with %s", async (policy, params, expected) => {
    const { code, out } = await run("--policy", policy, "--params", params, "--arms", TWO_ARMS, "--json")
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ allocation: expected.map((share) => expect.closeTo(share, 12)) })
  })

  it("takes sums of squares, open decisions, weights, names and disabled arms", async () => {
    const arms =
      '[{"id":"a","n":9,"sum":90,"sumSq":950,"pending":3,"weight":2},{"id":"b","n":9,"sum":10,"sumSq":20},{"n":1,"sum":1,"enabled":false}]'
    const { out } = await run("--policy", "thompson-gaussian", "--arms", arms, "--json")
    const { allocation } = JSON.parse(out)
    expect(allocation[2]).toBe(0)
    expect(allocation[0]).toBeGreaterThan(0.9)
  })
})

it("prints a line per arm for people", async () => {
  const { code, out } = await run("--policy", "static", "--arms", TWO_ARMS)
  expect(code).toBe(0)
  expect(out.split("\n")).toHaveLength(4)
  expect(out).toContain("0.500000")
})

it.each([
  [["--arms", TWO_ARMS], "--policy is missing"],
  [["--policy", "static"], "--arms is missing"],
  [["--policy", "thomson", "--arms", TWO_ARMS], "there are static, epsilon-greedy"],
  [["--policy", "thompson", "--params", "{", "--arms", TWO_ARMS], "--params is not JSON"],
  [["--policy", "thompson", "--params", '{"prior":{"alpha":-1}}', "--arms", TWO_ARMS], "prior.alpha: "],
  [["--policy", "thompson", "--arms", '[{"n":-1,"sum":0}]'], "0.n: "],
  [["--policy", "thompson", "--arms", '[{"n":1}]'], "0.sum: "],
  [["--policy", "thompson", "--arms", "[]"], "--arms is wrong"],
  [["--policy", "thompson", "--arms", '[{"n":1,"sum":0,"enabled":false}]'], "no arm to choose from"],
  [["--policy", "static", "--params", '{"minPropensity":0.6}', "--arms", TWO_ARMS], "at most 0.5 can be kept"],
  [
    ["--policy", "canary", "--params", '{"challenger":"x","share":0.1}', "--arms", TWO_ARMS],
    'challenger of policy canary is "x"',
  ],
])("exits 1 on %j and says what is wrong", async (args, sentence) => {
  const { code, out, err } = await run(...args)
  expect(code).toBe(1)
  expect(out).toBe("")
  expect(err).toContain(sentence)
})
