/** What an identity provider says of a user. */
export interface User {
  /** For people: what the provider calls the user. */
  readonly name: string
  /** Names of roles or groups that the user has. */
  readonly roles: readonly string[]
}

/** Tokens that an identity provider signed for its users. */
export interface UserTokens {
  /**
   * The user that a token was made for. The provider's keys are asked for when they are first needed, and kept.
   *
   * @returns undefined for a token that isn't valid: another issuer's, for another audience, expired, or signed with no key of the provider
   * @throws GatewayError `identity_unavailable` while the provider can't be asked for its keys
   */
  verify(token: string): Promise<User | undefined>
}
