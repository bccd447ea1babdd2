/**
 * Foreign text (logs, events, names, answers of servers) made safe for the place it is shown in. Whoever writes a log
 * line must not be able to command the runner, colour the terminal, mention a stranger or break the page.
 */

const ESC = String.fromCharCode(27)
const ANSI = new RegExp(`${ESC}(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007${ESC}]*(?:\\u0007|${ESC}\\\\)?|[@-_])`, 'g')
// Control characters, and the marks that turn the direction of text around so that it reads as something else.
const CONTROL = /(?!\t)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu
/** Breaks a word that GitHub would act on, and shows nothing. */
const ZERO_WIDTH = '\u200b'

/** Lines of foreign text: no control characters, no escape sequences, each at most `limit` characters. */
export function cleanLines(text: string, limit = 2_000): string[] {
  return text
    .toWellFormed()
    .replaceAll(ANSI, '')
    .split(/\r\n|\r|\n|\u2028|\u2029/)
    .map((line) => cut(line.replaceAll(CONTROL, ''), limit))
}

/** Foreign text on one line. */
export function oneLine(text: string, limit = 2_000): string {
  return cut(cleanLines(text, Infinity).join(' ').replace(/\s+/g, ' ').trim(), limit)
}

/** At most `limit` characters; what was cut is counted. A surrogate pair is never split. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text
  const kept = text.slice(0, limit).replace(/[\ud800-\udbff]$/, '')
  return `${kept}… (${text.length - kept.length} more characters)`
}

/**
 * Foreign text inside a Markdown sentence or table cell. Mentions, issue numbers and addresses are broken up, because
 * GitHub would notify or cross-reference whoever they name; an entity would not help, it is decoded before that.
 */
export function md(text: string, limit = 2_000): string {
  return oneLine(text, limit)
    .replace(/[\\`*_[\]|~$]/g, String.raw`\$&`)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/@(?=[\w\\])/g, `@${ZERO_WIDTH}`)
    .replace(/#(?=\d)/g, `#${ZERO_WIDTH}`)
    .replace(/\bGH-(?=\d)/gi, `$&${ZERO_WIDTH}`)
    .replace(/:(?=\/\/)/g, `:${ZERO_WIDTH}`)
    .replace(/\bwww(?=\.)/gi, `www${ZERO_WIDTH}`)
}

/** Foreign text as inline code; GitHub neither links nor mentions inside. Safe in table cells. */
export function code(text: string, limit = 500): string {
  const line = oneLine(text, limit).replaceAll('|', String.raw`\|`)
  if (line === '') return ''
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))
  const ticks = '`'.repeat(longest + 1)
  const space = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return `${ticks}${space}${line}${space}${ticks}`
}

/** Foreign lines as a code block whose fence they cannot close, each line at most `limit` characters. */
export function fence(lines: readonly string[], language = '', limit = 2_000): string {
  const body = lines.flatMap((line) => cleanLines(line, limit))
  const longest = Math.max(2, ...body.flatMap((line) => line.match(/`+/g) ?? []).map((run) => run.length))
  const ticks = '`'.repeat(longest + 1)
  return [`${ticks}${language}`, ...body, ticks].join('\n')
}

/** A folded section; the title is Markdown-free HTML text, the body is Markdown. */
export function folded(title: string, body: string, open = false): string {
  return `<details${open ? ' open' : ''}><summary>${title}</summary>\n\n${body}\n\n</details>`
}

/** Foreign text inside HTML, such as the title of a folded section. */
export function html(text: string, limit = 300): string {
  return oneLine(text, limit)
    .replace(/@(?=\w)/g, `@${ZERO_WIDTH}`)
    .replace(/#(?=\d)/g, `#${ZERO_WIDTH}`)
    .replace(/\bGH-(?=\d)/gi, `$&${ZERO_WIDTH}`)
    .replace(/:(?=\/\/)/g, `:${ZERO_WIDTH}`)
    .replace(/\bwww(?=\.)/gi, `www${ZERO_WIDTH}`)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_[\]|~$!]/g, (mark) => `&#${mark.charCodeAt(0)};`)
}

/** A Markdown link to an http(s) address; only the text when the address is none. */
export function link(text: string, url: string): string {
  return /^https?:\/\/[^\s<>()]+$/.test(url) ? `[${text}](${url})` : text
}

/** One word of a shell command, quoted where it has to be. */
export function shellWord(text: string): string {
  const line = oneLine(text)
  return /^[\w@%+=:,./-]+$/.test(line) ? line : `'${line.replaceAll("'", String.raw`'\''`)}'`
}

/** `1 pod`, `3 pods`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** `a`, `a and b`, `a, b and c`. */
export function list(words: readonly string[]): string {
  const last = words.at(-1)
  if (last === undefined || words.length === 1) return last ?? ''
  return `${words.slice(0, -1).join(', ')} and ${last}`
}

/**
 * Markdown of at most `limit` characters (UTF-16 units), cut at a line. What the cut leaves open, a code block or a
 * folded section, is closed, and the last line says that something is missing.
 */
export function limited(markdown: string, limit: number, notice: string): string {
  if (markdown.length <= limit) return markdown
  const kept: string[] = []
  let size = 0
  for (const line of markdown.split('\n')) {
    size += line.length + 1
    if (size > limit - notice.length) break
    kept.push(line)
  }
  // What ends the open parts has a length of its own: a fence is as long as the longest run of backticks inside it.
  for (;;) {
    const text = [...kept, ...closing(kept), '', notice].join('\n')
    if (text.length <= limit || kept.length === 0) return text
    kept.pop()
  }
}

/** The lines that end what these lines leave open. */
function closing(lines: readonly string[]): string[] {
  let open: string | undefined
  let sections = 0
  for (const line of lines) {
    const ticks = /^`{3,}/.exec(line)?.[0]
    if (open === undefined && ticks !== undefined) open = ticks
    else if (open !== undefined && line === open) open = undefined
    else if (open === undefined && line.startsWith('<details')) sections++
    else if (open === undefined && line === '</details>') sections--
  }
  return [...(open === undefined ? [] : [open]), ...Array.from({ length: sections }, () => '\n</details>')]
}
