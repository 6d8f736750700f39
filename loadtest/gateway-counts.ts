import * as z from "zod"

/** One number that the gateway keeps, and the k6 counters that add up to the same one on the client's side. */
export interface GatewayCount {
  readonly what: string
  readonly value: number
  readonly clientCounters: readonly string[]
}

const STATS = z.object({ variants: z.array(z.object({ id: z.string(), decisions: z.number(), rewards: z.number() })) })

/** Ids of an experiment's variants, in the document's order. */
export async function variantIds(url: string, experiment: string): Promise<readonly string[]> {
  return (await readStats(url, experiment)).map(({ id }) => id)
}

/** What the gateway has counted so far: in its statistics, which are durable, and in its metrics, which begin with the process. */
export async function gatewayCounts(url: string, experiment: string): Promise<readonly GatewayCount[]> {
  const response = await fetch(`${url}/metrics`)
  const metrics = parseMetrics(await response.text())
  const stats = await readStats(url, experiment)
  const answers = ["applied", "accepted", "duplicate"].map((answer) => `answer="${answer}"`)
  return [
    ...stats.flatMap(({ id, decisions, rewards }) => [
      { what: `stats: decisions of ${id}`, value: decisions, clientCounters: [`decisions{variant:${id}}`] },
      { what: `stats: rewards of ${id}`, value: rewards, clientCounters: [`rewards_applied{variant:${id}}`] },
      {
        what: `metrics: decisions of ${id}`,
        value: total(metrics, "bandit_decisions_total", [`experiment="${experiment}"`, `variant="${id}"`]),
        clientCounters: [`decisions{variant:${id}}`],
      },
    ]),
    {
      what: "metrics: postbacks taken",
      value: answers.reduce((sum, answer) => sum + total(metrics, "bandit_rewards_total", [answer]), 0),
      clientCounters: ["rewards_applied", "rewards_duplicate"],
    },
  ]
}

async function readStats(url: string, experiment: string) {
  const response = await fetch(`${url}/admin/experiments/${experiment}/stats`)
  return STATS.parse(await response.json()).variants
}

/** One sample of the Prometheus text format; `labels` as written, between the braces. */
interface Sample {
  readonly name: string
  readonly labels: string
  readonly value: number
}

function parseMetrics(text: string): readonly Sample[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(?<name>\w+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line)
    const { name, labels = "", value } = match?.groups ?? {}
    return name === undefined ? [] : [{ name, labels, value: Number(value) }]
  })
}

function total(samples: readonly Sample[], name: string, labels: readonly string[]): number {
  return samples
    .filter((sample) => sample.name === name && labels.every((label) => sample.labels.split(",").includes(label)))
    .reduce((sum, sample) => sum + sample.value, 0)
}
