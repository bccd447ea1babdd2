import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import { VERSION } from '../../src/shared/version.ts'

const ROOT = join(import.meta.dirname, '../..')
const FOLDER = join(ROOT, '.github/workflows')

interface Workflow {
  permissions?: object
  jobs: Record<string, { permissions?: object; 'timeout-minutes'?: number; steps: { uses?: string }[] }>
}

describe.each(readdirSync(FOLDER))('our own workflow %s', (file) => {
  const text = readFileSync(join(FOLDER, file), 'utf8')
  const workflow = load(text) as Workflow

  it('gives nothing at the top, and to each job only what it says why', () => {
    expect(workflow.permissions).toEqual({})
    for (const [name, job] of Object.entries(workflow.jobs)) expect(job.permissions, name).toBeDefined()
    for (const line of text.split('\n').filter((each) => /^ {6}[a-z-]+: (read|write)/.test(each)))
      expect(line).toMatch(/ # \w/)
  })

  it('pins every action by its full commit, and bounds every job', () => {
    for (const line of text.split('\n').filter((each) => each.includes('uses:')))
      expect(line).toMatch(/uses: [\w.-]+\/[\w.-]+@[0-9a-f]{40} # v\d/)
    for (const [name, job] of Object.entries(workflow.jobs)) expect(job['timeout-minutes'], name).toBeGreaterThan(0)
  })
})

it('has one version', () => {
  const { version, license } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, string>
  expect(version).toBe(VERSION)
  expect(readFileSync(join(ROOT, 'LICENSE'), 'utf8')).toContain(license)
})
