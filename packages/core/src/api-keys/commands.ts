// Made by the server, which draws the key; never parsed from the outside.
export type IssueApiKey = { type: 'IssueApiKey'; keyId: string; hash: string }
/** Issues the first key as well: "give me a new key, and let no other work". */
export type RegenerateApiKey = { type: 'RegenerateApiKey'; keyId: string; hash: string }
export type RevokeApiKey = { type: 'RevokeApiKey' }

export type ApiKeyCommand = IssueApiKey | RegenerateApiKey | RevokeApiKey
