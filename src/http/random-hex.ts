/** Asking for random bytes costs as much as thousands of them: they are asked for in stock. */
const STOCK_BYTES = 4096
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

let stock = new Uint8Array(0)
let used = 0

/** Random bytes in lower-case hexadecimal digits, two for each. @param bytes at most 4,096 */
export function randomHex(bytes: number): string {
  if (used + bytes > stock.length) {
    stock = crypto.getRandomValues(new Uint8Array(STOCK_BYTES))
    used = 0
  }
  let text = ""
  for (const end = used + bytes; used < end; used++) text += HEX[stock[used] as number]
  return text
}
