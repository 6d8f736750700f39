import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import { onTestFinished } from "vitest"

interface SigningPair {
  readonly id: string
  readonly pair: Awaited<ReturnType<typeof generateKeyPair>>
}

/** A provider on loopback that publishes its keys as OpenID Connect says, and signs tokens for whoever the test wants. */
export async function startIdentityProvider() {
  const state = { away: false, asked: 0, published: [await makePair("k1")] }
  const server = createServer((request, response) => {
    state.asked++
    if (state.away) {
      response.writeHead(503).end()
      return
    }
    void (async () => {
      const document =
        request.url === "/keys"
          ? { keys: await Promise.all(state.published.map(toJwk)) }
          : { issuer, jwks_uri: `${issuer}/keys` }
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document))
    })()
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    issuer,
    state,
    /** A token of its key. @param claims beside those of a good one, or instead of them */
    sign: async (
      now: number,
      claims: Readonly<Record<string, unknown>> = {},
      by = state.published[0],
    ): Promise<string> => {
      if (by === undefined) throw new Error("no key")
      const seconds = Math.floor(now / 1000)
      const good = { iss: issuer, aud: "bandit-gateway", sub: "u-1", iat: seconds, exp: seconds + 300, roles: ["view"] }
      return await new SignJWT({ ...good, ...claims })
        .setProtectedHeader({ alg: "ES256", kid: by.id })
        .sign(by.pair.privateKey)
    },
    makePair,
  }
}

async function makePair(id: string): Promise<SigningPair> {
  return { id, pair: await generateKeyPair("ES256", { extractable: true }) }
}

async function toJwk({ id, pair }: SigningPair) {
  return { ...(await exportJWK(pair.publicKey)), kid: id, alg: "ES256", use: "sig" }
}
