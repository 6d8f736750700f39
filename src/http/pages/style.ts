/** The style sheet of every page. Its hash is in the pages' Content-Security-Policy. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #14171a);
  --raised: light-dark(#f4f6f8, #1c2126);
  --text: light-dark(#1b2026, #e3e7eb);
  --quiet: light-dark(#56606b, #9aa5b1);
  --line: light-dark(#d8dee4, #323a42);
  --link: light-dark(#0b57c2, #82b4ff);
  --get: light-dark(#14663f, #6fd39f);
  --post: light-dark(#8a3d00, #ffb37a);
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.55 system-ui, sans-serif; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .5rem 1rem; z-index: 1; }
main { max-width: 60rem; padding: 1.5rem 1.25rem 5rem; min-width: 0; }
nav { padding: 1.5rem 1.25rem; border-bottom: 1px solid var(--line); background: var(--raised); font-size: .9rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li { margin: .1rem 0; }
nav a { display: flex; align-items: baseline; padding: .15rem 0; text-decoration: none; overflow-wrap: anywhere; }
nav a:hover { text-decoration: underline; }
nav h2 { font-size: .8rem; color: var(--quiet); margin: 1rem 0 .2rem; border: 0; padding: 0; }
nav summary { cursor: pointer; font-weight: 600; padding: .25rem 0; }
nav .method { flex: none; }
@media (min-width: 64rem) {
  body:has(nav.side) { display: grid; grid-template-columns: 19rem minmax(0, 1fr); }
  nav.side { position: sticky; top: 0; height: 100vh; overflow-y: auto; border-right: 1px solid var(--line); border-bottom: 0; }
  nav.side details::details-content { content-visibility: visible; display: block; height: auto; }
  nav.side summary { list-style: none; cursor: default; }
  main { padding: 2rem 3rem 6rem; }
}
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.5rem; margin: 3.5rem 0 .5rem; padding-top: 1rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.1rem; margin: 2.75rem 0 .4rem; overflow-wrap: anywhere; }
h4 { font-size: .8rem; color: var(--quiet); margin: 1.4rem 0 .3rem; }
p { margin: .5rem 0; max-width: 46rem; }
.lead { font-size: 1.15rem; }
.quiet { color: var(--quiet); }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875em; }
code { overflow-wrap: anywhere; }
td code, p code, li code, dd code { background: var(--raised); border-radius: 3px; padding: .05em .3em; }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; margin: .4rem 0; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.45; }
.method { display: inline-block; font: 700 .75rem/1 ui-monospace, monospace; padding: .3em .5em; border: 1px solid currentColor; border-radius: 4px; margin-right: .5em; vertical-align: .1em; }
.get { color: var(--get); }
.post { color: var(--post); }
.path { font-weight: 600; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; font-size: .92rem; }
caption { text-align: left; color: var(--quiet); font-size: .8rem; font-weight: 700; padding: .6rem 0 .3rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); }
thead th { font-size: .8rem; color: var(--quiet); font-weight: 600; }
tbody th { font-weight: 600; }
th code { overflow-wrap: normal; }
tr:target, section:target > h3 { background: var(--raised); box-shadow: -.5rem 0 0 var(--link); }
dt { font-weight: 600; margin-top: .9rem; }
dt:target { background: var(--raised); box-shadow: -.5rem 0 0 var(--link); }
dd { margin: .1rem 0 0; max-width: 46rem; }
.required { color: var(--post); font-size: .8rem; white-space: nowrap; font-weight: 400; }
.when { display: block; color: var(--quiet); font-size: .8rem; font-weight: 400; }
@media (max-width: 40rem) {
  h1 { font-size: 1.6rem; }
  thead { position: absolute; left: -100rem; }
  tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  th code { overflow-wrap: anywhere; }
  th, td { display: block; border: 0; padding: .1rem 0; }
}
`
