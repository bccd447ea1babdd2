/** A comment as a page: the Markdown as GitHub draws it, in a box like the one on a pull request. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { marked } from 'marked'

/** The style sheet chooses light or dark by what the browser says that the reader prefers. */
const STYLE = fileURLToPath(import.meta.resolve('github-markdown-css/github-markdown.css'))

const FRAME = `
  :root { color-scheme: light dark; --line: light-dark(#d1d9e0, #3d444d); --head: light-dark(#f6f8fa, #151b23) }
  body { margin: 0; padding: 12px; background: light-dark(#ffffff, #0d1117) }
  .box { border: 1px solid var(--line); border-radius: 6px; overflow: hidden }
  .head { padding: 8px 16px; background: var(--head); border-bottom: 1px solid var(--line);
          font: 14px/21px "Liberation Sans", Arial, sans-serif; color: light-dark(#59636e, #9198a1) }
  .head b { color: light-dark(#1f2328, #f0f6fc) }
  .markdown-body { padding: 16px; font-size: 14px; font-family: "Liberation Sans", Arial, "Noto Color Emoji", sans-serif }
  .markdown-body code, .markdown-body pre { font-family: "Liberation Mono", monospace }
`

export function pageOf(markdown: string): string {
  const body = marked.parse(markdown, { gfm: true, async: false })
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Comment</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>${readFileSync(STYLE, 'utf8')}</style><style>${FRAME}</style></head>
<body><div class="box"><div class="head"><b>github-actions</b> bot commented</div>
<article class="markdown-body">${body}</article></div></body></html>`
}
