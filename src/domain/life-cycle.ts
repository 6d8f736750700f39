import { GatewayError } from "./errors.ts"

/** How far an experiment is in its life. */
export const STATUSES = ["draft", "running", "paused", "concluded"] as const
export type Status = (typeof STATUSES)[number]

/** What a person does to an experiment without touching its document. */
export type Transition = "start" | "pause" | "resume" | "conclude"

const TRANSITIONS: Readonly<Record<Transition, { readonly from: readonly Status[]; readonly to: Status }>> = {
  start: { from: ["draft"], to: "running" },
  pause: { from: ["draft", "running"], to: "paused" },
  resume: { from: ["paused"], to: "running" },
  conclude: { from: ["draft", "running", "paused"], to: "concluded" },
}

/**
 * The status after a transition; the same status where it was made before.
 *
 * @throws GatewayError `transition_refused` where the status has no such way out
 */
export function statusAfter(transition: Transition, status: Status): Status {
  const { from, to } = TRANSITIONS[transition]
  if (status === to || from.includes(status)) return to
  throw new GatewayError("transition_refused", {
    detail: `${transition} needs an experiment that is ${from.join(" or ")}, and this one is ${status}. Change its status by PATCH, or take the step that fits.`,
  })
}
