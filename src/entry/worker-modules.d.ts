/** Files that wrangler bundles by the rules of wrangler.toml. */
declare module "*.yaml" {
  const text: string
  export default text
}
declare module "*.bin" {
  const bytes: ArrayBuffer
  export default bytes
}
/** Clearing a timer that was never set is nothing, on workerd as everywhere; its types leave it out. */
declare function clearTimeout(timeout: ReturnType<typeof setTimeout> | undefined): void

/** What is used of it here; the Node types that have it contradict the Worker's. */
declare module "node:crypto" {
  export function hash(algorithm: "sha256", data: string | Uint8Array, encoding: "base64url" | "latin1" | "hex"): string
}
