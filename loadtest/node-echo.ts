/** The least that an HTTP server on Node can do with an ad request: read it whole and answer as many bytes as a prediction. */
import { createServer } from "node:http"

const ANSWER = JSON.stringify({ prediction: 0.3, padding: "x".repeat(300) })

createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    Buffer.concat(chunks)
    response.writeHead(200, { "content-type": "application/json", "content-length": ANSWER.length })
    response.end(ANSWER)
  })
}).listen(Number(process.argv[2]), "127.0.0.1")
