import { readFile } from 'node:fs/promises'
import { load } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import { actionYaml, readmeTables, schemaJson, withTables } from '../../../scripts/docs.ts'
import { INPUTS, OUTPUTS } from '../../../src/input/inputs.ts'

const read = (file: string): Promise<string> => readFile(new URL(`../../../${file}`, import.meta.url), 'utf8')

describe('what is made from the tables', () => {
  it('action.yml and the schema are fresh', async () => {
    expect(await read('action.yml')).toBe(actionYaml())
    expect(await read('schema/headgate.schema.json')).toBe(schemaJson())
  })

  it('action.yml is what the runner wants', () => {
    const action = load(actionYaml()) as Record<string, Record<string, { default?: string }>>
    expect(Object.keys(action['inputs'] ?? {})).toEqual(INPUTS.map(({ name }) => name))
    expect(Object.keys(action['outputs'] ?? {})).toEqual(OUTPUTS.map(({ name }) => name))
    expect(action['runs']).toEqual({ using: 'node24', main: 'dist/main.js', post: 'dist/post.js' })
    const set = Object.entries(action['inputs'] ?? {}).filter(([, input]) => input.default !== undefined)
    expect(set).toEqual([['github-token', expect.objectContaining({ default: '${{ github.token }}' })]])
  })

  it('puts the tables between their markers', () => {
    const readme =
      'a\n<!-- inputs:begin -->\nstale text\n<!-- inputs:end -->\nb\n<!-- outputs:begin -->\n<!-- outputs:end -->\n'
    const written = withTables(readme) ?? ''
    expect(written).toContain('| `strategy` | rolling |')
    expect(written).not.toContain('stale text')
    expect(withTables(written)).toBe(written)
    expect(withTables('no markers')).toBeUndefined()
    expect(readmeTables()['outputs']?.split('\n')).toHaveLength(OUTPUTS.length + 2)
  })
})
