import { useSyncExternalStore } from 'react'

// API keys that were just made, to be shown once: in the memory of this page only, gone with it. Never in storage.
const keys = new Map<string, string>()
const listeners = new Set<() => void>()
const changed = () => {
  for (const listener of listeners) listener()
}

export function keepNewKey(projectId: string, apiKey: string): void {
  keys.set(projectId, apiKey)
  changed()
}
export function forgetNewKey(projectId: string): void {
  keys.delete(projectId)
  changed()
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
/** The project's API key if this page has just got it. */
export const useNewKey = (projectId: string) => useSyncExternalStore(subscribe, () => keys.get(projectId))
