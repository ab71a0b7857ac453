/** Text as HTML; what stands in backticks is code. */
export const prose = (text: string): string => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>')

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** A page that needs nothing besides itself. `aside` is its table of contents. */
export const htmlPage = ({ title, aside, main }: { title: string; aside?: string; main: string }) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} · Stewrd</title>
<style>${style}</style>
</head>
<body${aside === undefined ? '' : ' class="wide"'}>
${aside === undefined ? '' : `<nav aria-label="Contents">${aside}</nav>`}
<main>
${main}
</main>
</body>
</html>
`

const style = `
@font-face { font-family: Inter; src: url(/docs/fonts/inter.woff2) format('woff2'); font-weight: 100 900; font-display: swap }
@font-face { font-family: 'JetBrains Mono'; src: url(/docs/fonts/jetbrains-mono.woff2) format('woff2'); font-weight: 100 800; font-display: swap }
:root { color-scheme: light dark; --bg: #fbfbfa; --panel: #fff; --sunken: #f4f4f2; --line: #e3e3df; --text: #18181b; --muted: #5c5c65; --accent: #0f766e; --target: #e3f3f1; --get: #1d4ed8; --post: #126b33; --delete: #b91c1c }
@media (prefers-color-scheme: dark) { :root { --bg: #0c0c0e; --panel: #131316; --sunken: #18181b; --line: #2a2a30; --text: #ededf0; --muted: #a5a5af; --accent: #2dd4bf; --target: #10302d; --get: #93b4ff; --post: #4ade80; --delete: #f87171 } }
* { box-sizing: border-box }
html { scroll-padding-top: 1rem }
body { font: 15px/1.6 Inter, system-ui, sans-serif; margin: 0; background: var(--bg); color: var(--text) }
main { max-width: 50rem; margin: 0 auto; padding: 2rem 1.25rem 50vh }
a { color: var(--accent) }
h1 { font-size: 1.6rem; line-height: 1.25; letter-spacing: -.02em; margin: 0 0 .5rem }
h2 { font-size: 1.15rem; letter-spacing: -.01em; margin: 2.75rem 0 .5rem }
h3 { font-size: .8rem; color: var(--muted); font-weight: 600; margin: 1.25rem 0 .4rem }
p { margin: .4rem 0; max-width: 44rem }
code, pre { font: .88em/1.55 "JetBrains Mono", ui-monospace, monospace; overflow-wrap: anywhere; font-variant-ligatures: none }
p code, td code { background: var(--sunken); border-radius: 4px; padding: .1em .3em }
pre { background: var(--sunken); border: 1px solid var(--line); border-radius: 8px; padding: .85rem 1rem; overflow-x: auto; overflow-wrap: normal; margin: .5rem 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .92em }
th { text-align: left; font-weight: 500; color: var(--muted); font-size: .85em }
th, td { border-bottom: 1px solid var(--line); padding: .45rem .9rem .45rem 0; vertical-align: top }
td:first-child { white-space: nowrap }
.muted { color: var(--muted) }
section { border-top: 1px solid var(--line); padding: 1.5rem 0 }
section h2 { margin: 0 0 .25rem }
section:target > h2 { background: var(--target); box-shadow: 0 0 0 .5rem var(--target); border-radius: 2px }
.call { font: 600 .95rem/1.6 "JetBrains Mono", ui-monospace, monospace; overflow-wrap: anywhere }
.get { color: var(--get) } .post { color: var(--post) } .delete { color: var(--delete) }
details > summary { cursor: pointer; color: var(--muted); font-weight: 600; font-size: .8rem; margin: 1.25rem 0 .4rem }
nav { border-bottom: 1px solid var(--line); padding: 1.25rem; font-size: 13.5px }
nav ul { list-style: none; margin: 0 0 1rem; padding: 0 }
nav a { color: var(--muted); text-decoration: none; display: block; padding: .16rem 0; overflow-wrap: anywhere }
nav a:hover { color: var(--text) }
nav b { display: block; margin-bottom: .3rem }
@media (min-width: 62rem) {
  body.wide { display: grid; grid-template-columns: 17rem minmax(0, 1fr) }
  nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; border-right: 1px solid var(--line); border-bottom: 0 }
}
`
