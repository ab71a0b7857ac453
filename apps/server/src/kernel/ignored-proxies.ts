const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY']

/**
 * Variables that ask for a proxy on the way out, by name: none is used. Every address that is called is judged where it is dialled, and a
 * proxy would look names up again, by itself.
 */
export const ignoredProxies = (source: NodeJS.ProcessEnv): string[] => [
  ...names.flatMap((name) => [name, name.toLowerCase()]).filter((name) => source[name]),
  ...(['', '0'].includes(source['NODE_USE_ENV_PROXY'] ?? '') ? [] : ['NODE_USE_ENV_PROXY']),
]
