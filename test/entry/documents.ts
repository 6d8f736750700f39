/** The text of an experiment between the two example models, changed as said. Its allocation follows the counters at once. */
export function document(id: string, changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    id,
    variants: [
      { id: "champion", backend: { kind: "embedded", model: "ctr-raw" } },
      { id: "challenger", backend: { kind: "embedded", model: "ctr-prefixed" } },
    ],
    control: "champion",
    policy: { kind: "static" },
    refreshSeconds: 0.05,
    ...changes,
  })
}
