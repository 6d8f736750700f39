import { describe, expect, it } from "vitest"
import type { OutcomeEvent } from "#src/domain/events.ts"
import type { Postback } from "#test/crash/ad-traffic.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { type ClientRecord, type Observed, reconcile } from "./reconcile.ts"

const DECISIONS = ["D1", "D2", "D3"].map((decisionId) => ({
  decision: `token of ${decisionId}`,
  decisionId,
  experiment: "clicks",
}))
const SALE = { decision: "token of D4", decisionId: "D4", experiment: "sales" }

function postback(of: (typeof DECISIONS)[number], changed: Partial<Postback> = {}): Postback {
  return { ...of, eventId: "e0", value: 1, applied: 1, acknowledged: true, ...changed }
}

/** Four decisions of which two were rewarded, one of them by two sales; one prediction that was logged and never answered. */
function inOrder(): { clients: ClientRecord; observed: Observed & { readonly events: OutcomeEvent[] } } {
  const [first] = DECISIONS as [(typeof DECISIONS)[number]]
  const postbacks = [postback(first), postback(SALE, { value: 80 }), postback(SALE, { eventId: "e1", value: 50 })]
  const events: OutcomeEvent[] = [
    ...["D1", "D2", "D3", "D4", "D5"].map((decisionId) => decisionEvent({ decisionId })),
    rewardEvent({ decisionId: "D1", eventId: "D1-e0" }),
    rewardEvent({ decisionId: "D4", eventId: "D4-e0" }),
    rewardEvent({ decisionId: "D4", eventId: "D4-e1" }),
  ]
  return {
    clients: { decisions: [...DECISIONS, SALE], postbacks, unanswered: 1 },
    // 80 and 50 are more than what one decision may add up to.
    observed: {
      events,
      counters: { decisions: 5, rewards: 2, sum: 2_000_000n },
      streamed: new Set(events.map(({ eventId }) => eventId)),
    },
  }
}

it("finds nothing wrong where all is in order", () => {
  const { clients, observed } = inOrder()
  expect(reconcile(clients, observed)).toEqual([])
})

describe("finds what was planted", () => {
  it.each<[string, (run: ReturnType<typeof inOrder>) => [ClientRecord, Observed], RegExp]>([
    [
      "an acknowledged reward that the counters lack",
      ({ clients, observed }) => [clients, { ...observed, counters: { decisions: 5, rewards: 1, sum: 1_000_000n } }],
      /^rewarded decisions counted: 1 instead of 2/,
    ],
    [
      "a reward that was counted twice",
      ({ clients, observed }) => [clients, { ...observed, counters: { decisions: 5, rewards: 3, sum: 3_000_000n } }],
      /^rewarded decisions counted: 3 instead of 2/,
    ],
    [
      "a value that was added twice under one decision",
      ({ clients, observed }) => [clients, { ...observed, counters: { ...observed.counters, sum: 3_000_000n } }],
      /^sum of the counters: 3000000 instead of 2000000/,
    ],
    [
      "a postback that two gateways applied",
      ({ clients, observed }) => [
        { ...clients, postbacks: clients.postbacks.map((one) => ({ ...one, applied: 2 })) },
        observed,
      ],
      /^3 postbacks were applied twice: D1 e0/,
    ],
    [
      "a postback that nobody took",
      ({ clients, observed }) => [
        { ...clients, postbacks: clients.postbacks.map((one) => ({ ...one, acknowledged: false })) },
        observed,
      ],
      /^3 postbacks were never acknowledged/,
    ],
    [
      "an answered decision that no log has",
      ({ clients, observed }) => [clients, { ...observed, events: observed.events.slice(1) }],
      /^1 decisions were answered and are not logged: D1/,
    ],
    [
      "a decision that is logged twice",
      ({ clients, observed }) => [
        clients,
        { ...observed, events: [...observed.events, decisionEvent({ decisionId: "D2" })] },
      ],
      /^1 decisions are logged twice: D2/,
    ],
    [
      "decisions that nobody asked for",
      ({ clients, observed }) => [{ ...clients, unanswered: 0 }, observed],
      /^1 decisions nobody was answered, of 0/,
    ],
    [
      "a reward of a decision without a postback",
      ({ clients, observed }) => [
        clients,
        { ...observed, events: [...observed.events, rewardEvent({ decisionId: "D3", eventId: "D3-e0" })] },
      ],
      /^1 rewards are logged of decisions without any postback: D3-e0/,
    ],
    [
      "a decision that the counters lack",
      ({ clients, observed }) => [clients, { ...observed, counters: { ...observed.counters, decisions: 4 } }],
      /^decisions counted: 4 instead of 5/,
    ],
    [
      "a logged reward that the stream never got",
      ({ clients, observed }) => [
        clients,
        { ...observed, streamed: new Set([...(observed.streamed ?? [])].filter((id) => id !== "D4-e1")) },
      ],
      /^1 logged rewards are not in the stream: D4-e1/,
    ],
  ])("%s", (_name, plant, expected) => {
    const { clients, observed } = inOrder()
    expect(reconcile(...plant({ clients, observed })).join("\n")).toMatch(new RegExp(expected.source, "m"))
  })
})

describe("finds no fault in", () => {
  it("postbacks that were applied once more after the store had lost everything", () => {
    const { clients, observed } = inOrder()
    const twice = { ...clients, postbacks: clients.postbacks.map((one) => ({ ...one, applied: 2 })) }
    expect(reconcile(twice, { ...observed, emptied: 1 })).toEqual([])
    expect(reconcile(twice, observed)).not.toEqual([])
  })

  it("decisions that a power failure took before they were synced, and finds lost rewards all the same", () => {
    const { clients, observed } = inOrder()
    const events = observed.events.filter(({ eventId }) => eventId !== "d-D2")
    const cut = { ...observed, events, counters: { ...observed.counters, decisions: 4 } }
    expect(reconcile(clients, cut, "unsynced decisions")).toEqual([])
    expect(reconcile(clients, { ...cut, counters: { ...cut.counters, rewards: 1 } }, "unsynced decisions")).toEqual([
      "rewarded decisions counted: 1 instead of 2",
    ])
  })

  it("logs that were lost with their disks, and finds lost rewards all the same", () => {
    const { clients, observed } = inOrder()
    const { counters } = observed
    expect(reconcile(clients, { events: [], counters }, "disks")).toEqual([])
    expect(reconcile(clients, { events: [], counters: { ...counters, sum: 1_000_000n } }, "disks")).toEqual([
      "sum of the counters: 1000000 instead of 2000000",
    ])
  })
})
