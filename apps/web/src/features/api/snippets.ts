import { curl } from './snippets-curl.ts'
import { python } from './snippets-python.ts'
import { typescript } from './snippets-typescript.ts'

export const tasks = {
  run: 'Run an agent',
  stream: 'Stream',
  session: 'Session',
  tools: 'Your own tools',
  files: 'Files',
  openai: 'OpenAI SDK',
} as const
export type Task = keyof typeof tasks
export const languages = { curl: 'curl', typescript: 'TypeScript', python: 'Python' } as const
export type Language = keyof typeof languages

/** `origin` of this server, without a slash at its end. `model` is the project's own. */
export type Values = { origin: string; model: string }
export type Snippets = Record<Task, (values: Values) => string>

const snippets: Record<Language, Snippets> = { curl, typescript, python }

/** A program that does the task with this project, as it stands. The key is read from STEWRD_API_KEY. What these texts promise, tests run. */
export const snippet = (task: Task, language: Language, values: Values): string => snippets[language][task](values)
