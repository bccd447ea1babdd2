/**
 * `npm run screenshot`: runs a canary that waits for its approval and one that fails and is undone, on the embedded
 * cluster, and takes pictures of the comments that they leave on the pull request: docs/images/comment-*.png, light and
 * dark, and as a phone shows them. The Markdown stays beside them: a test says when the comment reads differently now.
 *
 * Needs a Chromium on PATH. Exit code 1 when there is none, or when a picture is too large for a README.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Browser, findBrowser, type Look, versionOf } from './screenshot/browser.ts'
import { commentOf, SHOTS } from './screenshot/comments.ts'
import { pageOf } from './screenshot/page.ts'

const FOLDER = path.resolve(import.meta.dirname, '../docs/images')
/** A README is also read over a phone's connection. */
const LARGEST_BYTES = 200_000

/** The column of comments on GitHub's page of a pull request, and a phone held upright. */
const LOOKS: Record<string, Look> = {
  '': { width: 840, scheme: 'light' },
  '-dark': { width: 840, scheme: 'dark' },
  '-phone': { width: 390, scheme: 'light' },
}

async function takeAll(browser: Browser): Promise<void> {
  for (const shot of SHOTS) {
    const markdown = await commentOf(shot)
    writeFileSync(path.join(FOLDER, `comment-${shot}.md`), markdown)
    for (const [suffix, look] of Object.entries(LOOKS)) {
      const png = await browser.picture(pageOf(markdown), look)
      const file = `comment-${shot}${suffix}.png`
      writeFileSync(path.join(FOLDER, file), png)
      console.log(`docs/images/${file}: ${png.length} bytes`)
      if (png.length > LARGEST_BYTES) process.exitCode = 1
    }
  }
}

async function main(): Promise<void> {
  const program = findBrowser()
  if (program === undefined) {
    console.error(
      'no Chromium on PATH: apt-get install chromium fonts-noto-color-emoji fonts-liberation, or as your system has it',
    )
    process.exitCode = 1
    return
  }
  console.log(versionOf(program))
  mkdirSync(FOLDER, { recursive: true })
  const browser = await Browser.open(program)
  try {
    await takeAll(browser)
  } finally {
    await browser.close()
  }
}

await main()
// Connections that children left half open would keep the process for a while.
process.exit()
