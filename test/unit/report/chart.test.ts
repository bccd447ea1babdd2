// @vitest-environment jsdom
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import mermaid from 'mermaid'
import { describe, expect, it } from 'vitest'
import { type Chart, chart } from '../../../src/report/chart.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** The blocks of a text that GitHub would draw. */
function drawn(markdown: string): string[] {
  return [...markdown.matchAll(/^```mermaid\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
}

/** Throws where Mermaid would show an error instead of a diagram. */
async function kindOf(code: string): Promise<string> {
  const { diagramType } = await mermaid.parse(code)
  return diagramType
}

const pods: Chart = {
  title: 'Serving pods',
  span: 44_000,
  axis: { name: 'pods', low: 0, high: 4 },
  lines: [
    { name: '0.1.0 (before)', colour: 'blue', values: [4, 2, 0] },
    { name: '0.2.0 (new)', colour: 'green', values: [0, 2, 4] },
  ],
}

describe('a chart', () => {
  it('names its lines by their colours, since Mermaid has no legend', async () => {
    const text = chart(pods)
    expect(text.split('\n')[0]).toBe('🟦 0.1.0 (before) · 🟩 0.2.0 (new)')
    const [code = ''] = drawn(text)
    const parsed = await mermaid.parse(code)
    expect(parsed).toMatchObject({
      diagramType: 'xychart',
      config: { themeVariables: { xyChart: { plotColorPalette: '#2f81f7, #2da44e' } } },
    })
  })

  it('is one that Mermaid reads, whatever names and figures are', async () => {
    const evil = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('"]\nline [9]', '%%{init', '```', 'end', '"'),
    )
    const lines = fc.array(
      fc.record({
        name: evil,
        values: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 2, maxLength: 5 }),
      }),
      { minLength: 1, maxLength: 2 },
    )
    await fc.assert(
      fc.asyncProperty(evil, evil, lines, async (title, name, all) => {
        const values = all.flatMap((line) => line.values)
        const text = chart({
          title,
          span: 10_000,
          axis: { name, low: Math.min(...values), high: Math.max(...values) },
          lines: all.map((line, index) => ({ ...line, colour: index === 0 ? 'purple' : 'orange' })),
        })
        const codes = drawn(text)
        expect(codes).toHaveLength(1)
        expect(await kindOf(codes[0] ?? '')).toBe('xychart')
        expect(codes[0]?.split('\n').filter((line) => line.startsWith('  line ['))).toHaveLength(all.length)
      }),
      { numRuns: 200 },
    )
  })
})

const FILES = [
  'README.md',
  ...['docs', 'test/golden'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((file) => file.endsWith('.md'))
      .map((file) => join(folder, file)),
  ),
]
const diagrams = FILES.flatMap((file) => drawn(readFileSync(join(ROOT, file), 'utf8')).map((code) => ({ file, code })))

describe('diagrams that were written down', () => {
  it.each(diagrams)('$file', async ({ code }) => {
    expect(await kindOf(code)).toMatch(/^(xychart|stateDiagram)$/)
  })
})
