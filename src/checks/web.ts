import { messageOf } from '../shared/errors.ts'
import { valueAtPath } from '../shared/json-path.ts'
import type { Answer, Asker } from './asker.ts'
import { readJson, shown } from './http.ts'
import { beyond, limitsText } from './limits.ts'
import type { WebCheck } from './spec.ts'
import { headersOf } from './targets.ts'
import { filled } from './template.ts'
import type { CheckVerdict } from './verdict.ts'

/**
 * A value in the JSON of any endpoint. What it says of the release is the value alone: an endpoint that fails, redirects
 * to another host or answers no JSON is inconclusive.
 */
export async function measureWeb(asker: Asker, check: WebCheck): Promise<CheckVerdict> {
  const url = filled(check.url, asker)
  const body = filled(check.body ?? '', asker)
  for (const each of [url, body]) if ('missing' in each) return { kind: 'inconclusive', text: each.missing, lines: [] }
  if (!('text' in url) || !('text' in body)) return { kind: 'inconclusive', text: 'nothing to ask', lines: [] }
  const { method, timeoutMs } = check
  const lines = [`${method} ${url.text}`]
  try {
    const answer = await asker.fetchUrl({
      url: asker.expand(url.text),
      method,
      headers: { accept: 'application/json', ...headersOf(asker, check) },
      ...(check.body === undefined ? {} : { body: body.text }),
      timeoutMs,
      signal: asker.signal,
    })
    return { ...judgeWeb(answer, check), lines: [...lines, `${answer.status} ${shown(answer)}`] }
  } catch (error) {
    return { kind: 'inconclusive', text: `${check.url} gave no answer (${messageOf(error)})`, lines }
  }
}

/** Pure: what an answer says of its limits. */
export function judgeWeb(answer: Answer, { url, json, limits }: WebCheck): Omit<CheckVerdict, 'lines'> {
  if (answer.elsewhere !== undefined)
    return {
      kind: 'inconclusive',
      text: `${url} redirects to another host, ${answer.elsewhere}, which is not followed`,
    }
  if (answer.status < 200 || answer.status > 299)
    return { kind: 'inconclusive', text: `${url} answered ${answer.status}: ${shown(answer)}` }
  const document = readJson(answer)
  if (typeof document === 'string') return { kind: 'inconclusive', text: `${url} ${document}` }
  const value = valueAtPath(document.value, json)
  const amount = limits.equals === undefined && typeof value === 'string' ? Number(value) : value
  if (value === undefined || value === null) return { kind: 'inconclusive', text: `${url} answered nothing at ${json}` }
  if (limits.equals === undefined && (typeof amount !== 'number' || !Number.isFinite(amount) || value === ''))
    return {
      kind: 'inconclusive',
      text: `${url} answered ${JSON.stringify(value).slice(0, 100)} at ${json}, which is no number`,
    }
  const problem = beyond(amount, limits)
  const figures =
    typeof amount === 'number' && Number.isFinite(amount) ? { figures: [{ name: json, value: amount }] } : {}
  if (problem !== undefined) return { kind: 'fail', text: `${json} of ${url} ${problem}`, ...figures }
  return { kind: 'pass', text: `${json} is ${JSON.stringify(value)}, ${limitsText(limits)}`, ...figures }
}
