import { ApiError } from '../kubernetes/errors.ts'
import { messageOf } from '../shared/errors.ts'
import { valueAtPath } from '../shared/json-path.ts'
import type { Answer, Asker } from './asker.ts'
import type { Expected, HttpCheck, Page } from './spec.ts'
import { type Target, targetsOf } from './targets.ts'
import { apiServerText } from './update-target.ts'
import type { CheckVerdict } from './verdict.ts'

const PAUSE_MS = 1_000
const TRIES = 3
const SHOWN = 200

/** What an answer lacks, as the rest of a sentence that begins with who gave it; undefined when it is right. */
type Judge = (answer: Answer & { ms: number }, target: Target) => string | undefined

/** Every target must answer as expected. */
export function measureHttp(asker: Asker, check: HttpCheck): Promise<CheckVerdict> {
  const { expect } = check
  const what = `${check.url ?? check.path} answered ${expect.status}`
  return askAll(asker, check, check.timeoutMs, (answer) => wrongWith(answer, expect), what)
}

/**
 * Asks every target once. A wrong answer fails; no answer at all, after three tries, fails as well when it comes from the
 * new version's own pods, since users would get none either; nobody to ask is inconclusive, never a pass.
 */
export async function askAll(
  asker: Asker,
  page: Page,
  timeoutMs: number,
  judge: Judge,
  passed: string,
): Promise<CheckVerdict> {
  const lines: string[] = []
  const targets = targetsOf(asker, page, timeoutMs)
  if (targets.length === 0) return { kind: 'inconclusive', text: 'no serving pod of the new version to ask', lines }
  let gone = 0
  let slowest = 0
  const timed: Judge = (answer, target) => {
    slowest = Math.max(slowest, answer.ms)
    return judge(answer, target)
  }
  for (const target of targets) {
    const wrong = await askTarget(asker, target, page, timed, lines)
    if (wrong === undefined) continue
    if (wrong.unheard) return { kind: 'inconclusive', text: wrong.text, lines }
    if (target.stays()) return { kind: 'fail', text: wrong.text, lines }
    gone++
  }
  if (gone === targets.length)
    return { kind: 'inconclusive', text: 'all pods that were asked went away meanwhile', lines }
  const text = targets.length === 1 ? passed : `${passed}, all ${targets.length} pods`
  return { kind: 'pass', text, lines, figures: [{ name: 'slowest answer, ms', value: slowest }] }
}

interface Wrong {
  text: string
  /** the API server gave no answer, which says nothing of the app */
  unheard: boolean
}

async function askTarget(
  asker: Asker,
  target: Target,
  page: Page,
  judge: Judge,
  lines: string[],
): Promise<Wrong | undefined> {
  let last = ''
  let unheard = false
  const where = page.url === undefined ? `${target.name} ${page.path}` : target.name
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (attempt > 0) await asker.sleep(PAUSE_MS)
    try {
      const begun = asker.now()
      const answer = await target.ask()
      const wrong = judge({ ...answer, ms: asker.now() - begun }, target)
      lines.push(`${where}: ${answer.status} ${shown(answer)}`)
      if (wrong === undefined) return undefined
      if (page.url === undefined && isTurnedAway(answer)) {
        last = `was not asked: the API server answered ${answer.status} itself`
        unheard = true
        continue
      }
      // The API server answers for a pod it cannot reach; that is no answer of the pod.
      if (answer.status !== 502 && answer.status !== 503 && answer.status !== 504)
        return { text: `${target.name} ${wrong}`, unheard: false }
      last = wrong
      unheard = false
    } catch (error) {
      last = `gave no answer (${messageOf(error)})`
      unheard = error instanceof ApiError && error.kind === 'unreachable'
      lines.push(`${where}: ${last}`)
    }
  }
  return { text: `${target.name} ${last}`, unheard }
}

/** The API server takes nothing from this run, or not now: it has passed nothing on. */
function isTurnedAway(answer: Answer): boolean {
  return [401, 429].includes(answer.status) && apiServerText(answer) !== undefined
}

export function shown({ body }: Pick<Answer, 'body'>): string {
  return body.slice(0, SHOWN).trim()
}

/** What is wrong with an answer. Pure. */
export function wrongWith(answer: Answer & { ms: number }, expect: Expected): string | undefined {
  const { status, elsewhere, ms } = answer
  if (status !== expect.status) {
    const to = elsewhere === undefined ? '' : ` (it redirects to another host, ${elsewhere}, which is not followed)`
    return `answered ${status}, expected ${expect.status}: ${shown(answer)}${to}`
  }
  return (
    wrongHeader(answer, expect) ??
    wrongBody(answer, expect) ??
    wrongJson(answer, expect) ??
    (expect.fasterThanMs !== undefined && ms >= expect.fasterThanMs
      ? `took ${ms} ms, expected less than ${expect.fasterThanMs} ms`
      : undefined)
  )
}

function wrongHeader({ headers }: Answer, expect: Expected): string | undefined {
  for (const [name, value] of Object.entries(expect.headers ?? {})) {
    const given = headers[name.toLowerCase()]
    if (given !== value)
      return `answered with ${given === undefined ? `no header ${name}` : `${name}: ${given}`}, expected ${name}: ${value}`
  }
  return undefined
}

function wrongBody(answer: Answer, { body, pattern }: Expected): string | undefined {
  const part = answer.cut === true ? ' in the first megabyte of it' : ''
  if (body !== undefined && !answer.body.includes(body)) return `answered without "${body}"${part}: ${shown(answer)}`
  if (pattern !== undefined && !new RegExp(pattern).test(answer.body))
    return `answered nothing that matches /${pattern}/${part}: ${shown(answer)}`
  return undefined
}

function wrongJson(answer: Answer, { json = {} }: Expected): string | undefined {
  const paths = Object.entries(json)
  if (paths.length === 0) return undefined
  const document = readJson(answer)
  if (typeof document === 'string') return document
  for (const [path, wanted] of paths) {
    const value = valueAtPath(document.value, path)
    if (value !== wanted)
      return `answered ${value === undefined ? 'nothing' : JSON.stringify(value)} at ${path}, expected ${JSON.stringify(wanted)}`
  }
  return undefined
}

/** The JSON of an answer, or why there is none. */
export function readJson(answer: Answer): { value: unknown } | string {
  if (answer.cut === true) return 'answered more than is read (1 MB), so that its JSON is not whole'
  try {
    return { value: JSON.parse(answer.body) }
  } catch {
    return `answered no JSON: ${shown(answer) || 'nothing'}`
  }
}
