/** Files that wrangler bundles by the rules of wrangler.toml. */
declare module "*.yaml" {
  const text: string
  export default text
}
declare module "*.bin" {
  const bytes: ArrayBuffer
  export default bytes
}
declare module "node:crypto" {
  export function hash(algorithm: "sha256", data: string | Uint8Array, encoding: "base64url" | "latin1" | "hex"): string
}
