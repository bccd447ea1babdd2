import { valueAtPath } from '../shared/json-path.ts'
import type { Answer, Asker } from './asker.ts'
import { askAll, readJson, shown } from './http.ts'
import type { VersionCheck } from './spec.ts'
import type { CheckVerdict } from './verdict.ts'

/** Every target names the version that it is meant to be. */
export async function measureVersion(asker: Asker, check: VersionCheck): Promise<CheckVerdict> {
  const expected = check.expect ?? asker.workloads()[0]?.canary.version ?? ''
  if (check.expect === undefined && (expected === '' || expected.startsWith('sha256:')))
    return { kind: 'inconclusive', text: 'the new image has no tag to look for: say `expect`', lines: [] }
  return askAll(
    asker,
    check,
    check.timeoutMs,
    (answer, { version }) => wrongVersion(answer, check.at, check.expect ?? version),
    `${check.url ?? check.path} named ${expected}`,
  )
}

/** What is wrong with the version that an answer names. Pure. */
export function wrongVersion(answer: Answer, at: VersionCheck['at'], expected: string): string | undefined {
  if (answer.status < 200 || answer.status > 299) return `answered ${answer.status}: ${shown(answer)}`
  if (at === undefined) return namesWord(answer.body, expected) ? undefined : `named no ${expected}: ${shown(answer)}`
  const found = versionAt(answer, at)
  if (typeof found !== 'string') return found.problem
  return found === expected ? undefined : `named version ${found}, expected ${expected}`
}

function versionAt(answer: Answer, at: NonNullable<VersionCheck['at']>): string | { problem: string } {
  if ('header' in at)
    return answer.headers[at.header.toLowerCase()] ?? { problem: `answered without the header ${at.header}` }
  if ('pattern' in at) {
    const found = new RegExp(at.pattern).exec(answer.body)
    return found === null
      ? { problem: `answered nothing that matches /${at.pattern}/: ${shown(answer)}` }
      : (found[1] ?? found[0])
  }
  const document = readJson(answer)
  if (typeof document === 'string') return { problem: document }
  const value = valueAtPath(document.value, at.json)
  return typeof value === 'string' || typeof value === 'number'
    ? String(value)
    : { problem: `answered no version at ${at.json}: ${shown(answer)}` }
}

/** As a word of its own: 1.2.0 is not named by 11.2.0, nor by 1.2.0-rc. */
export function namesWord(text: string, word: string): boolean {
  const quoted = word.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
  return new RegExp(`(?<![\\w.-])${quoted}(?![\\w-]|\\.\\w)`).test(text)
}
