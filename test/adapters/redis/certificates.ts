import { fileURLToPath } from "node:url"

/** Files of a server's certificate, and of the authority that signed it. */
export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
  readonly authorityFile: string
}

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url))

/** For the name `localhost`, by an authority that nobody trusts unless told. */
export const LOCALHOST: Certificate = {
  certFile: fixture("localhost.crt"),
  keyFile: fixture("localhost.key"),
  authorityFile: fixture("authority.crt"),
}
