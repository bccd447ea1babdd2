import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../../../src/input/flags.ts'
import { decide } from '../../../src/rollout/machine.ts'
import type { Phase } from '../../../src/rollout/record.ts'
import { record, source } from '../report/views.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
type Resting = Exclude<Phase, 'none'>
/** As an object, so that a new phase is missed by the compiler. */
const ALL: Record<Resting, true> = {
  progressing: true,
  paused: true,
  stopped: true,
  aborting: true,
  aborted: true,
  succeeded: true,
  failed: true,
}
const PHASES = Object.keys(ALL).toSorted() as Resting[]

const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8')

describe('the diagram of phases', () => {
  const chart = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  const arrows = [...chart.matchAll(/^ {2}(\S+) --> (\S+): (.+)$/gm)].map(([, from = '', to = '', text = '']) => ({
    from,
    to,
    text,
  }))

  it('has every phase, and no other', () => {
    const drawn = new Set(arrows.flatMap(({ from, to }) => [from, to]).filter((word) => word !== '[*]'))
    expect([...drawn].toSorted()).toEqual(PHASES)
    expect(chart.trim().split('\n').length).toBe(arrows.length)
  })

  it.each(['promote', 'abort'] as const)('has the arrows of %s that the table allows', (command) => {
    const allowed = PHASES.filter((phase) => goesOn(command, phase))
    const drawn = arrows.filter(({ text }) => new RegExp(String.raw`\b${command}\b`).test(text)).map(({ from }) => from)
    // What is aborting already goes on to be; the arrow would lead to itself.
    expect([...new Set(drawn)].toSorted()).toEqual(allowed.filter((phase) => phase !== 'aborting').toSorted())
  })
})

function goesOn(command: 'promote' | 'abort', phase: Resting): boolean {
  const question = { command, full: true, supersede: 'newer' as const, source: source() }
  return decide({ ...question, record: record({ phase }) }).kind === command
}

describe('the tables', () => {
  it.each(['succeeded', 'paused', 'unchanged', 'planned', 'rolled-back', 'aborted', 'stopped', 'failed', 'refused'])(
    'tell the outcome %s',
    (outcome) => expect(readme).toMatch(new RegExp(String.raw`^\| \`${outcome}\` \|`, 'm')),
  )
})

describe('the commands of README and docs', () => {
  const pages = ['README.md', ...readdirSync(path.join(ROOT, 'docs')).map((file) => `docs/${file}`)]
    .filter((file) => file.endsWith('.md'))
    .map((file) => readFileSync(path.join(ROOT, file), 'utf8'))
  const lines = pages.flatMap((text) =>
    [...text.matchAll(/^ *node dist\/cli\.js (.+)$/gm)].map(([, line = '']) => line),
  )

  it('are there', () => expect(lines.length).toBeGreaterThan(6))

  it.each(lines)('are understood: %s', async (line) => {
    const words = line.replace(/ +(#|\|).*$/, '').match(/'[^']*'|\S+/g) ?? []
    const argv = words.map((word) => word.replaceAll("'", ''))
    expect((await readCommandLine(argv, {}, ROOT)).kind).toBe('run')
  })
})

describe('the scripts that the README names', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: object }
  it.each([...new Set([...readme.matchAll(/npm run ([a-z0-9]+)/g)].map(([, name = '']) => name))])(
    '%s exists',
    (name) => expect(Object.keys(scripts)).toContain(name),
  )
})
