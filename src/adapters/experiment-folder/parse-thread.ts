import { parentPort } from "node:worker_threads"
import { parseText } from "./document.ts"

// Entry of the thread that parses documents: a text that takes long to read holds up nobody who is being served.

parentPort?.on("message", (text: string) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(parseText(text))
})
