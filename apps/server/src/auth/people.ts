/** Somebody with an account here. */
export type Person = { id: string; name: string; email: string }

/** Who did something, for a page: `label` is a name where there is one. */
export type ActorLabel = { id: string; label: string }

/** Makes names of stored actors (`user:<id>`, `api-key:<id>`, `operator:cli`, `system:<part>`), one look-up for all of them. */
export async function actorLabels(
  people: { find(userIds: readonly string[]): Promise<Person[]> },
  actors: readonly string[],
): Promise<(actor: string) => ActorLabel> {
  const ids = [...new Set(actors)].filter((a) => a.startsWith('user:')).map((a) => a.slice('user:'.length))
  const found = new Map((ids.length ? await people.find(ids) : []).map((p) => [`user:${p.id}`, p.name || p.email]))
  return (actor) => ({ id: actor, label: found.get(actor) ?? unnamed(actor) })
}

function unnamed(actor: string): string {
  const kind = actor.split(':')[0]
  if (kind === 'user') return 'A former user'
  if (kind === 'api-key') return 'The project API key'
  if (kind === 'operator') return 'The operator'
  return 'Stewrd'
}
