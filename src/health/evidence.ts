import { type Evidence, type Failure, LAST_LINES, NO_LINES } from '../shared/errors.ts'
import type { KubeEvent } from '../shared/objects.ts'
import { countOf, lastSeen, oneLine } from './look.ts'
import { probeAnswer } from './container-signs.ts'
import type { Symptom } from './symptom.ts'

export interface LogTail {
  pod: string
  container: string
  text: string
}

/** Lines of a log, and characters of a line, that are shown. */
export const LOG_LINES = 25
export const LINE_LENGTH = 300
/** A message of the API server may list much, and every item of it may be the cause. */
const MESSAGE_LENGTH = 700
/** Kinds of event, pods of one cause, and further causes, that are shown. */
export const EVENT_LINES = 10
export const PODS_SHOWN = 3

/** What every start of a pod brings and nobody needs in a diagnosis. */
const ROUTINE = new Set([
  'Scheduled',
  'Pulling',
  'Pulled',
  'Created',
  'Started',
  'SuccessfulCreate',
  'ScalingReplicaSet',
])

/** Pod names end in five random characters; events that differ only there tell the same. */
const RANDOM_NAME = /"([a-z0-9.-]+)-[a-z0-9]{5}"/g

interface EventGroup {
  object: string
  reason: string
  message: string
  count: number
  at: number
}

/**
 * Events as lines, oldest first, with how often each was seen: `Pod/web-1 Unhealthy: Readiness probe failed … (31 times)`.
 * `since` (milliseconds since 1970) leaves out what was last seen earlier, such as the trouble of a former rollout.
 */
export function eventLines(events: readonly KubeEvent[], since = 0): string[] {
  const groups = new Map<string, EventGroup>()
  for (const event of events) {
    const at = lastSeen(event)
    const { reason = '', message = '', involvedObject = {} } = event
    if (at < since || ROUTINE.has(reason)) continue
    const object = `${involvedObject.kind ?? 'Object'}/${involvedObject.name ?? ''}`
    const text = clean(message.replace(/^\(combined from similar events\): /, ''))
    const key = [object, reason, text.replaceAll(RANDOM_NAME, '"$1"')].join('\n')
    const group = groups.get(key)
    const latest = group === undefined || at >= group.at
    groups.set(key, {
      object,
      reason,
      message: latest ? text : group.message,
      count: (group?.count ?? 0) + countOf(event),
      at: Math.max(group?.at ?? 0, at),
    })
  }
  return [...groups.values()]
    .toSorted((a, b) => a.at - b.at || a.object.localeCompare(b.object) || a.reason.localeCompare(b.reason))
    .slice(-EVENT_LINES)
    .map(
      ({ object, reason, message, count }) => `${object} ${reason}: ${message}${count > 1 ? ` (${count} times)` : ''}`,
    )
}

/** The last lines of a log, each of bounded length, without colours and control characters. */
export function logTail(text: string, lines = LOG_LINES): string[] {
  const all = text.replaceAll('\r\n', '\n').split('\n')
  while (all.length > 0 && all.at(-1)?.trim() === '') all.pop()
  return all.slice(-lines).map(cleanLine)
}

// Terminal sequences: colours and cursor moves (ESC [ … letter), titles (ESC ] … BEL).
// oxlint-disable-next-line no-control-regex
const TERMINAL = /\u001B(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?)/g
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F]/g

/** What looks like a credential: a report may be public. It errs towards hiding. */
const CREDENTIALS: readonly [RegExp, string][] = [
  [/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s@/]+@/gi, '$1***@'],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, '$1 ***'],
  [
    /((?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&]+)/gi,
    '$1***',
  ],
]

function mask(text: string): string {
  let line = text.replaceAll(TERMINAL, '').replaceAll(CONTROL, '')
  for (const [pattern, cover] of CREDENTIALS) line = line.replaceAll(pattern, cover)
  return line
}

function clean(text: string): string {
  return oneLine(mask(text), MESSAGE_LENGTH)
}

/** As {@link clean}, but keeps columns and the indentation of a stack trace. */
function cleanLine(text: string): string {
  const line = mask(text.replaceAll('\t', '  ')).trimEnd()
  return line.length <= LINE_LENGTH ? line : `${line.slice(0, LINE_LENGTH - 1)}…`
}

export interface Cause {
  symptom: Symptom
  /** names of all objects that show the same cause, the symptom's own first */
  objects: string[]
}

/** Symptoms of the same cause (code and container) as one, in the order given. */
export function causes(symptoms: readonly Symptom[]): Cause[] {
  const groups = new Map<string, Cause>()
  for (const symptom of symptoms) {
    const key = `${symptom.code}/${symptom.object.kind}/${symptom.container ?? ''}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { symptom, objects: [symptom.object.name] })
    else if (!group.objects.includes(symptom.object.name)) group.objects.push(symptom.object.name)
  }
  return [...groups.values()]
}

/** ` (the same for 2 more pods: a, b)` */
export function alsoText({ symptom, objects }: Cause): string {
  const more = objects.slice(1)
  if (more.length === 0) return ''
  const kind = symptom.object.kind.toLowerCase()
  const shown = more.slice(0, PODS_SHOWN - 1).join(', ')
  const rest = more.length >= PODS_SHOWN ? ', …' : ''
  return ` (the same for ${more.length} more ${kind}${more.length === 1 ? '' : 's'}: ${shown}${rest})`
}

export interface ExplainOptions {
  /** the other symptoms of the same diagnosis */
  others?: readonly Symptom[]
  /** milliseconds since 1970: events last seen before are left out */
  since?: number
}

/** One failure that a person can act on: object, cause, what it rests on, what to do next. */
export function explainFailure(
  symptom: Symptom,
  events: readonly KubeEvent[] = [],
  logs: readonly LogTail[] = [],
  { others = [], since = 0 }: ExplainOptions = {},
): Failure {
  const [cause, ...further] = causes([symptom, ...others.filter(({ key }) => key !== symptom.key)])
  const objects = cause?.objects ?? [symptom.object.name]
  const evidence: Evidence[] = []
  if (symptom.detail !== undefined) evidence.push({ title: 'status', lines: [clean(symptom.detail)] })
  const lines = eventLines(aboutCause(symptom, objects, events), since)
  if (lines.length > 0) evidence.push({ title: 'events', lines })
  evidence.push(...logEvidence([symptom, ...further.map((each) => each.symptom)], logs))
  const also = further.slice(0, PODS_SHOWN).map((other) => `${other.symptom.sentence}${alsoText(other)}`)
  if (also.length > 0) evidence.push({ title: 'also seen', lines: also.map((line) => clean(line)) })
  return {
    kind: 'failed',
    code: symptom.code,
    message: `${symptom.sentence}${answerText(symptom, events)}${cause === undefined ? '' : alsoText(cause)}`,
    object: symptom.object,
    evidence,
    next: symptom.hint,
  }
}

/** The last answer of a failing probe, when the symptom was seen without events. */
function answerText({ code, object, container, detail }: Symptom, events: readonly KubeEvent[]): string {
  if ((code !== 'readiness' && code !== 'startup') || detail !== undefined || container === undefined) return ''
  const [last] = events
    .filter(({ reason, message = '', involvedObject = {} }) => {
      const same = involvedObject.kind === object.kind && involvedObject.name === object.name
      return same && reason === 'Unhealthy' && message.toLowerCase().startsWith(`${code} probe`)
    })
    .toSorted((a, b) => lastSeen(b) - lastSeen(a))
  return last === undefined ? '' : `; its last answer: ${clean(probeAnswer(last))}`
}

/** Events of at most three objects that show the cause; a symptom of no pod takes those of its pods or all along. */
function aboutCause(symptom: Symptom, objects: readonly string[], events: readonly KubeEvent[]): KubeEvent[] {
  const shown = new Set(objects.slice(0, PODS_SHOWN))
  if (symptom.depth === 4) return [...events]
  return events.filter(({ involvedObject = {} }) => {
    const same = involvedObject.kind === symptom.object.kind && shown.has(involvedObject.name ?? '')
    return same || (symptom.object.kind !== 'Pod' && involvedObject.kind === 'Pod')
  })
}

/** One log is enough for one cause. The first cause takes what there is when its own log is not. */
function logEvidence(symptoms: readonly Symptom[], logs: readonly LogTail[]): Evidence[] {
  const ofSymptom = ({ wantsLogs: asked }: Symptom): LogTail | undefined =>
    logs.find(({ pod, container }) => pod === asked?.pod && container === asked.container)
  const found = symptoms.slice(0, PODS_SHOWN).flatMap((symptom) => ofSymptom(symptom) ?? [])
  const shown = found.length > 0 ? found : logs.filter(({ text }) => text.trim() !== '').slice(0, 1)
  return [...new Set(shown)].map((log) => {
    const lines = logTail(log.text)
    const title = `${LAST_LINES} container ${log.container} of Pod/${log.pod}`
    return { title, lines: lines.length === 0 ? [NO_LINES] : lines }
  })
}
