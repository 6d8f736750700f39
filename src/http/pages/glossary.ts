/** A word of the documentation, explained. Backquoted parts are code. */
export interface GlossaryEntry {
  readonly term: string
  readonly meaning: string
}

/** The words that a newcomer may not know, in alphabetical order; docs/glossary.md says the same. */
export const GLOSSARY: readonly GlossaryEntry[] = [
  {
    term: "allocation",
    meaning:
      "One probability for each variant, together 1. The policy makes it from the counters, and decisions are drawn from it.",
  },
  {
    term: "assignment",
    meaning:
      "How a unit gets its variant. A hash of the unit picks one, each variant as often as the allocation says. A unit keeps its variant while the allocation stays as it is.",
  },
  {
    term: "attribution window",
    meaning:
      "The time after a decision in which a reward is learned from: `attributionWindowSeconds`. In a second window of the same length a reward is logged as late. After that the decision's token has expired.",
  },
  {
    term: "burn-in",
    meaning:
      "The beginning of a variant. Until it has had `burnInDecisions` decisions since it was enabled it is a newcomer, and its share is by its weight. While all variants are newcomers, the weights hold. Beside others, newcomers hold at most `newcomerShare` together, and the policy divides the rest.",
  },
  {
    term: "checkpoint",
    meaning: "In a simulated scenario: a decision at which the curve of the regret must have a point.",
  },
  {
    term: "decision",
    meaning:
      "One choice of a variant for one request. It is logged with its propensity. Its token, which the caller sends back with a reward, is the proof of it.",
  },
  {
    term: "epoch",
    meaning:
      "A stretch of time in which the configured shares stayed the same. Variants are compared within each epoch, so that a change of shares can't look like a difference between variants.",
  },
  {
    term: "fold",
    meaning:
      "To go through the log line by line and add each line to the counters. The counters are nothing but a fold of the log, so they can be made anew from it at any time.",
  },
  {
    term: "holdout",
    meaning:
      "A share of the units that always gets the control and that nothing is learned from. Beside it one can see what adapting has brought.",
  },
  {
    term: "J(p, q)",
    meaning:
      "The share of units that keep their variant when the allocation changes from p to q. It is 1 when nothing changes and 0 when all traffic moves elsewhere. No assignment that remembers nothing can promise more.",
  },
  {
    term: "keyed hash",
    meaning:
      "A hash that needs a secret key. Without the key nobody can find the unit id behind it, not even by trying all ids. The log has the keyed hash of a unit and never its id.",
  },
  {
    term: "maturation",
    meaning:
      "When a decision without a reward counts as a failure. `none`: at once, until its reward comes. `window`: when its attribution window has closed; until then it is `pending`. `expected`: at once, for the share of its variant's rewards that should have come at its age.",
  },
  {
    term: "policy",
    meaning: "The rule that turns counters into an allocation, such as Thompson sampling.",
  },
  {
    term: "propensity",
    meaning:
      "The probability with which the variant of a decision was chosen. Dividing by it corrects a log for what was shown more often, so that anyone can compute what another policy would have earned.",
  },
  {
    term: "quadrature",
    meaning:
      "Computing an integral as a weighted sum of values at chosen points. The probability of being best is such an integral. Quadrature gives it to nine digits, without drawing random numbers.",
  },
  {
    term: "regret",
    meaning: "What was lost against always serving the best variant, in expected rewards.",
  },
  {
    term: "reward",
    meaning: "What came of a decision: a click, an order's value. It is credited to the variant that was chosen.",
  },
  {
    term: "series",
    meaning:
      "The counters of one variant from one change of what they measure to the next. A new model begins a new series, so that old numbers are kept and not mixed in.",
  },
  {
    term: "slate",
    meaning:
      "Several instances in one request, such as the ads that compete for one place. One variant scores all of them, in one decision.",
  },
  {
    term: "target",
    meaning:
      "A server of models outside the gateway, named in `TARGETS_FILE`. Experiments refer to it by name and never carry an address.",
  },
  {
    term: "unit",
    meaning: "What is randomised: a user, a session or a request.",
  },
  {
    term: "variant",
    meaning: "One of the alternatives of an experiment, with the model that answers for it.",
  },
]

/** The anchor of a term: `attribution-window`, `jp-q`. */
export function glossaryAnchor(term: string): string {
  return term
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-")
}
