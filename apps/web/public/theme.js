// Before the first paint, so that a dark page never flashes white. In a file of its own: the CSP allows no inline script.
const stored = localStorage.getItem('theme')
const dark = stored === 'dark' || (stored !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
document.documentElement.classList.toggle('dark', dark)
