import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../../..')

const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(path.join(ROOT, 'docs')).map((file) => `docs/${file}`)]
  .filter((file) => file.endsWith('.md'))
  .map((file) => ({ file, text: readFileSync(path.join(ROOT, file), 'utf8') }))

/** Anchors as GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

interface Link {
  target: string
  anchor: string
}

function linksOf(text: string): Link[] {
  return [...text.matchAll(/\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)/g)].map(([, target = '', anchor = '']) => ({
    target,
    anchor,
  }))
}

describe.each(pages)('the links of $file', ({ file, text }) => {
  const folder = path.dirname(path.join(ROOT, file))

  it('lead to files', () => {
    const missing = linksOf(text).filter(({ target }) => !existsSync(path.join(folder, target)))
    expect(missing).toEqual([])
  })

  it('lead to headings', () => {
    const wrong = linksOf(text).filter(({ target, anchor }) => {
      if (anchor === '') return false
      const there = target === '' ? text : readFileSync(path.join(folder, target), 'utf8')
      return !anchorsOf(there).includes(anchor)
    })
    expect(wrong).toEqual([])
  })
})

it('finds links to check', () => {
  expect(pages.flatMap(({ text }) => linksOf(text)).filter(({ anchor }) => anchor !== '').length).toBeGreaterThan(20)
})
