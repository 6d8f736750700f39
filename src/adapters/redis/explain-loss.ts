/** What Node says of a certificate that nobody it trusts has signed. */
const UNTRUSTED =
  /self[- ]signed certificate|unable to verify the first certificate|unable to get (local )?issuer certificate/

/** By what is said, wherever in the message: sentinels and clusters put words before it. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    UNTRUSTED,
    "name the file with the certificate of the authority that signed Redis's in NODE_EXTRA_CA_CERTS, and start again",
  ],
  [
    /does not match certificate's altnames/,
    "REDIS_URL, sentinels and nodes of a cluster have to name hosts as their certificates do",
  ],
  [/certificate has expired/, "Redis needs a new certificate"],
  [/wrong version number|packet length too long/, "REDIS_URL says TLS (rediss), and this port doesn't speak it"],
  [/ECONNRESET/, "a port that takes TLS alone needs rediss in REDIS_URL"],
  [/No such master with that name/, "REDIS_URL ends in the name that the sentinels know the master by"],
  [/NOAUTH/, "REDIS_URL needs a user and a password"],
  [/WRONGPASS/, "user or password in REDIS_URL is wrong"],
  [/NOPERM/, "the user in REDIS_URL lacks a right; docs/redis.md lists all that it needs"],
]

/** Why Redis can't be used, and what would be right where that can be said. One line. */
export function explainLoss(error: Error): string {
  const { message } = "lastNodeError" in error && error.lastNodeError instanceof Error ? error.lastNodeError : error
  const said = message
    .replace(/ Retrying from scratch after \S+ms\./, "")
    .replaceAll(/\s+/g, " ")
    .trim()
  const remedy = REMEDIES.find(([problem]) => problem.test(said))?.[1]
  return remedy === undefined ? said : `${said}: ${remedy}`
}
