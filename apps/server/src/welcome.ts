import type { Secret } from '@stewrd/crypto/secret.ts'
import type { Fallback } from './fallback.ts'

export type Welcome = { url: string; home: string; token: Secret | undefined; fallback: Fallback }

/**
 * What a start prints, to be written in one piece, so that nothing stands between its lines: where to go, and what to do
 * first. The token stands behind `#`, so no server or log ever gets it.
 */
export function welcome({ url, home, token, fallback }: Welcome): string {
  return [
    '',
    'Stewrd is running.',
    `  Dashboard  ${url}`,
    `  API        ${url}/v1/agent`,
    `  Data       ${home}`,
    '',
    ...(token
      ? [
          'First, make the owner account. This link works once, until the next start:',
          `  ${url}/setup#token=${token.reveal()}`,
        ]
      : [`Sign in at ${url}`]),
    ...(fallback.source === 'demo'
      ? ['', 'Projects without a key of their own answer from the built-in demo model, which is no real model.']
      : []),
    '',
    '',
  ].join('\n')
}
