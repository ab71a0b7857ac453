import { useSyncExternalStore } from 'react'

// One question for all requests that wait for it, asked by the dialog that is mounted beside the pages.
type Question = { answer: Promise<boolean>; settle: (confirmed: boolean) => void }
let question: Question | undefined
const listeners = new Set<() => void>()

function change(next: Question | undefined): void {
  question = next
  for (const listener of listeners) listener()
}

/** Asks whoever is signed in for the password. Resolves with whether it was confirmed; false when nothing can ask. */
export function askForPassword(): Promise<boolean> {
  if (question) return question.answer
  if (listeners.size === 0) return Promise.resolve(false)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  change({
    answer: promise,
    settle(confirmed) {
      change(undefined)
      resolve(confirmed)
    },
  })
  return promise
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** The question that is open now. */
export const usePasswordQuestion = () => useSyncExternalStore(subscribe, () => question)
