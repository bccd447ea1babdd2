import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { exitCodeOf } from '../../../src/commands/result.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const page = readFileSync(path.join(ROOT, 'docs/troubleshooting.md'), 'utf8')

const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  // What only a comment says, nobody sees.
  .map((file) => readFileSync(path.join(ROOT, 'src', file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ''))

/** First cells of the tables with this head. */
function firstCells(head: string): string[] {
  const tables = page.split(/\n{2,}/).filter((part) => part.startsWith(`| ${head} |`))
  return tables.flatMap((table) => table.split('\n').slice(2)).map((row) => row.split('|')[1]?.trim() ?? '')
}

/** Messages quoted on the page: whole sentences in backticks, in the first column or with a gap. */
const quoted = [...new Set([...page.matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text))].filter((text) =>
  text.includes('…'),
)
const whole = firstCells('you see')
  .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text))
  .filter((text) => text.includes(' ') && !text.includes('…') && !text.startsWith('kubectl '))

/** Whether one file of the sources holds all parts of a message, in this order and near each other. */
function exists(message: string): boolean {
  const escaped = (part: string): string => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  const parts = message
    .split('…')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const pattern = new RegExp(parts.map(escaped).join(String.raw`[\s\S]{1,160}?`))
  return sources.some((source) => pattern.test(source))
}

describe('the page of troubleshooting', () => {
  it('has messages to look at', () => {
    expect(quoted.length).toBeGreaterThan(35)
    expect(whole.length).toBeGreaterThan(3)
    expect(exists('a message that nobody … ever wrote')).toBe(false)
  })

  it.each(whole)('quotes what is said: %s', (message) => {
    expect(exists(message)).toBe(true)
  })

  // `cause: meaning` is put together of two sentences that stand in different places.
  it.each(quoted)('quotes what is said, around its gaps: %s', (message) => {
    const halves = message.split(/(?<=image …|exit code …|its … probe): ?| \((?=an error|its command)/)
    const said = halves.map((half) => half.replace(/\)$/, '')).filter((half) => half.replaceAll('…', '').trim() !== '')
    for (const half of said) expect(exists(half), half).toBe(true)
  })

  it('names findings that there are', () => {
    const rules = readFileSync(path.join(ROOT, 'src/preflight/rules.ts'), 'utf8')
    const known = new Set([...rules.matchAll(/^ {2}'([\w-]+)',$/gm)].map(([, id = '']) => id))
    const cells = firstCells('finding').map((cell) => cell.replaceAll('`', ''))
    const named = [...page.matchAll(/[Ff]indings? ((?:`[\w-]+`(?:, )?)+)/g)].flatMap(([, ids = '']) =>
      ids.replaceAll('`', '').split(', '),
    )
    expect(cells.length).toBeGreaterThan(5)
    expect([...cells, ...named].filter((id) => id !== '' && !known.has(id))).toEqual([])
  })

  it('names every exit code', () => {
    const timeout = { kind: 'timeout' as const, code: 'timeout', message: '' }
    const codes = [
      exitCodeOf('succeeded', undefined),
      exitCodeOf('failed', undefined),
      exitCodeOf('refused', undefined),
      exitCodeOf('paused', undefined),
      exitCodeOf('aborted', timeout),
      exitCodeOf('stopped', undefined, true),
    ]
    expect(firstCells('code').map(Number)).toEqual(codes)
  })
})
