/**
 * What an edit of a field does to what was learned, beside what the field itself says. `nextLineage` has the rules.
 *
 * `keeps`: nothing. `compares anew`: statistics go on, and rates are compared within times of one division of the traffic. `begins the variant`: that
 * variant's statistics begin anew. `begins all`: those of every variant do.
 */
export type FieldEffect = "keeps" | "compares anew" | "begins the variant" | "begins all"

/** By the path of a field, as in `variants[].backend`; the longest that fits counts. What fits none keeps everything. */
const EFFECTS: Readonly<Record<string, FieldEffect>> = {
  status: "compares anew",
  stickiness: "compares anew",
  "variants[].id": "begins the variant",
  "variants[].weight": "compares anew",
  "variants[].enabled": "compares anew",
  "variants[].backend": "begins the variant",
  "policy.kind": "compares anew",
  "policy.challenger": "compares anew",
  "policy.share": "compares anew",
  reward: "begins all",
  "metrics[].kind": "begins all",
  "metrics[].bounds": "begins all",
  "metrics[].aggregation": "begins all",
  "metrics[].attributionWindowSeconds": "begins all",
  holdout: "compares anew",
  holdoutSalt: "compares anew",
}

/** What an edit of the field at that path does. */
export function fieldEffect(path: string): FieldEffect {
  for (let end = path.length; end > 0; end = path.lastIndexOf(".", end - 1)) {
    const effect = EFFECTS[path.slice(0, end)]
    if (effect !== undefined) return effect
  }
  return "keeps"
}
