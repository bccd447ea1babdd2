import type { Finding } from '../preflight/finding.ts'
import { nameOf, type ObjectRef } from '../shared/objects.ts'
import type { Strategy } from '../strategies/step.ts'
import { findingTable } from './sections.ts'
import { shortDigest } from './status.ts'
import { code, fence, folded, md, oneLine } from './text.ts'

/** One field that the rollout changes. Values are texts for people, already free of secrets. */
export interface FieldChange {
  /** `spec.template.spec.containers[web].image` */
  path: string
  /** absent when the field is added */
  before?: string
  /** absent when the field is removed */
  after?: string
}

export type PlanAction = 'create' | 'configure' | 'unchanged' | 'delete' | 'not-in-release'

export interface PlannedObject {
  ref: ObjectRef
  action: PlanAction
  changes: FieldChange[]
}

export interface PlannedStep {
  /** as written: `25%`, `wait 2m`; the finish is listed as `finish` */
  text: string
  /** pods of each side when the step is done */
  pods?: { stable: number; canary: number }
}

/** What a command is about to do, in full, before anything is touched. */
export interface Plan {
  app: string
  namespace: string
  /** full hex digest of the release */
  release: string
  strategy: Strategy
  /** number that the rollout has or will have */
  rollout: number
  steps: PlannedStep[]
  objects: PlannedObject[]
  services: { taking: string[]; notTaking: { name: string; why: string }[] }
  findings: Finding[]
  /** Role (and ClusterRole) that the rollout needs, as YAML; absent when not worked out */
  role?: string
  /** verbs that are missing, one sentence each */
  missingRights: string[]
  /** sentences worth knowing, e.g. that a share of pods is a share of connections */
  notes: string[]
}

const ACTIONS: Record<PlanAction, { icon: string; mark: string; text: string }> = {
  create: { icon: '🟢', mark: '+', text: 'create' },
  configure: { icon: '🟡', mark: '~', text: 'change' },
  unchanged: { icon: '⚪', mark: '=', text: 'unchanged' },
  delete: { icon: '🔴', mark: '-', text: 'delete' },
  'not-in-release': { icon: '🟠', mark: '?', text: 'not in this release, left as it is' },
}

/** The plan as Markdown, for the pull request, the summary and the output `plan`. */
export function renderPlan(plan: Plan): string {
  const parts = [
    `**${md(plan.app, 80)}** in ${code(plan.namespace)}: rollout ${plan.rollout}, ${plan.strategy}, release ${code(shortDigest(plan.release))}. ${tally(plan)}`,
    section('Steps', planSteps(plan)),
    section('Objects', planObjects(plan)),
    section('Services', planServices(plan)),
    section('Findings', findingTable(plan.findings)),
    plan.missingRights.length === 0 ? '' : section('Rights that are missing', bullets(plan.missingRights)),
    plan.notes.length === 0 ? '' : section('Worth knowing', bullets(plan.notes)),
    plan.role === undefined ? '' : folded('Least rights for this rollout', fence(plan.role.split('\n'), 'yaml')),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function section(title: string, body: string): string {
  return body === '' ? '' : `#### ${title}\n\n${body}`
}

function bullets(sentences: readonly string[]): string {
  return sentences.map((sentence) => `- ${md(sentence)}`).join('\n')
}

/** `1 to create, 2 to change, 4 unchanged`. */
function tally(plan: Plan): string {
  const words: [PlanAction, string][] = [
    ['create', 'to create'],
    ['configure', 'to change'],
    ['delete', 'to delete'],
    ['not-in-release', 'no longer in the release'],
    ['unchanged', 'unchanged'],
  ]
  const parts = words.flatMap(([action, text]) => {
    const number = plan.objects.filter((object) => object.action === action).length
    return number === 0 ? [] : [`${number} ${text}`]
  })
  return parts.length === 0 ? 'No objects.' : `Objects: ${parts.join(', ')}.`
}

function planSteps(plan: Plan): string {
  if (plan.steps.length === 0) return ''
  const rows = plan.steps.map(
    ({ text, pods }, index) =>
      `| ${index + 1} | ${code(text)} | ${pods === undefined ? '' : `${pods.stable} + ${pods.canary}`} |`,
  )
  return ['| | Step | Pods: old + new |', '|--:|---|:--|', ...rows].join('\n')
}

function planObjects(plan: Plan): string {
  const changed = plan.objects.filter((object) => object.action !== 'unchanged')
  const rows = changed.map((object) => {
    const { icon, text } = ACTIONS[object.action]
    return `- ${icon} ${text} ${code(nameOf(object.ref))}${where(object.ref, plan)}${differences(object)}`
  })
  return rows.join('\n')
}

function where(ref: ObjectRef, plan: Plan): string {
  return ref.namespace === undefined || ref.namespace === plan.namespace ? '' : ` in ${code(ref.namespace)}`
}

function differences(object: PlannedObject): string {
  const lines = object.changes.flatMap(diffLines)
  if (lines.length === 0) return ''
  // Inside a list item everything has to be indented by its marker.
  return `\n${fence(lines, 'diff').replaceAll(/^/gm, '  ')}`
}

/** A change in the notation of diff, so that GitHub colours it. */
function diffLines(change: FieldChange): string[] {
  const value = (sign: string, text: string | undefined): string[] =>
    text === undefined ? [] : [`${sign} ${oneLine(change.path, 300)}: ${oneLine(text, 1_000)}`]
  return [...value('-', change.before), ...value('+', change.after)]
}

function planServices(plan: Plan): string {
  const { taking, notTaking } = plan.services
  return [
    ...(taking.length === 0 ? [] : [`- taking part: ${taking.map((name) => code(name)).join(', ')}`]),
    ...notTaking.map(({ name, why }) => `- not taking part: ${code(name)}, ${md(why)}`),
  ].join('\n')
}

/** The plan as plain lines, for the log. Unchanged objects are only counted. */
export function planLines(plan: Plan): string[] {
  const steps = plan.steps.map(
    ({ text, pods }) => oneLine(text) + (pods === undefined ? '' : ` (${pods.stable} old + ${pods.canary} new)`),
  )
  return [
    `rollout ${plan.rollout} of ${oneLine(plan.app)} in ${oneLine(plan.namespace)}: ${plan.strategy}, release ${shortDigest(plan.release)}`,
    tally(plan),
    ...plan.objects.flatMap((object) => objectLines(object)),
    ...(steps.length === 0 ? [] : [`steps: ${steps.join(', ')}`]),
    ...(plan.services.taking.length === 0
      ? []
      : [`services: ${plan.services.taking.map((name) => oneLine(name)).join(', ')}`]),
    ...plan.services.notTaking.map(({ name, why }) => `service ${oneLine(name)} takes no part: ${oneLine(why)}`),
    ...plan.missingRights.map((sentence) => `right missing: ${oneLine(sentence)}`),
    ...plan.notes.map((sentence) => `note: ${oneLine(sentence)}`),
  ]
}

function objectLines(object: PlannedObject): string[] {
  if (object.action === 'unchanged') return []
  const { mark, text } = ACTIONS[object.action]
  return [`${mark} ${nameOf(object.ref)} (${text})`, ...object.changes.flatMap(diffLines).map((line) => `    ${line}`)]
}
