import type { Finding } from '../preflight/finding.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import type { RunSource } from '../rollout/settings.ts'
import { formatDuration } from '../shared/duration.ts'
import type { Evidence, Failure } from '../shared/errors.ts'
import { nameOf } from '../shared/objects.ts'
import { byHandOf } from './escape.ts'
import { type StepMark, shortDigest, stateOf, stepRows, versionsOf, weightOf } from './status.ts'
import { imagePage } from './image-page.ts'
import { code, fence, folded, html, link, md } from './text.ts'
import type { ReportView } from './view.ts'
import { waysOf } from './way.ts'

/** Parts that comment and summary share. Each is a piece of Markdown, empty when it has nothing to say. */

const MARKS: Record<StepMark, string> = {
  done: '✅',
  active: '▶️',
  waiting: '⏸️',
  failed: '❌',
  left: '▫️',
  open: '▫️',
}

/** The steps with icon, time, share and pods; without the columns that have nothing to say, for a phone is narrow. */
export function stepTable(view: ReportView, record: RolloutRecord): string {
  const versions = versionsOf(record)
  const rows = stepRows(record, view.mixes.at(-1)).map(({ mark, text, ms, share, pods }) => [
    MARKS[mark],
    text === 'finish' ? 'finish' : code(text),
    ms === undefined ? '' : formatDuration(ms),
    share === undefined ? '' : `${share} %`,
    pods === undefined ? '' : `${pods.stable} + ${pods.canary}`,
  ])
  const heads = ['', 'Step', 'Time', 'Share', `Pods: ${md(versions.stable, 80)} + ${md(versions.new, 80)}`]
  const lines = [heads, ['---', '---', '--:', '--:', ':--'], ...rows]
  const kept = heads.map((_, column) => rows.some((row) => row[column] !== ''))
  return lines.map((line) => `| ${line.filter((_, column) => kept[column]).join(' | ')} |`).join('\n')
}

/** Both versions with what they run and how many pods serve. */
export function versionTable(view: ReportView, record: RolloutRecord): string {
  const versions = versionsOf(record)
  const mix = view.mixes.at(-1)
  const weight = weightOf(record)
  // Where nothing serves there is nothing to have a share of.
  const nothing = mix !== undefined && mix.stable.pods + mix.canary.pods === 0
  const { repository, serverUrl } = record.source
  const row = (icon: string, version: string, from: From, pods: number | undefined, share: number): string => {
    const cells = [
      `${icon} ${md(version, 120)}`,
      from.images.map((image) => link(code(image), imagePage(image))).join('<br>'),
      commit(from.sha ?? '', repository, serverUrl),
      `${pods ?? ''}`,
      nothing ? '' : `${share} %`,
    ]
    return `| ${cells.join(' | ')} |`
  }
  const sha = record.release.sha ?? record.source.sha
  // Until it succeeds the stable release is still the serving one, and the one before that nobody's business.
  const before = record.phase === 'succeeded' ? record.previous : record.serving
  return [
    '| Version | Images | Commit | Serving pods | Share |',
    '|---|---|---|--:|--:|',
    row('🆕', versions.new, { images: record.release.images, sha }, mix?.canary.pods, weight),
    row('🟦', versions.stable, { ...before, images: record.previousImages }, mix?.stable.pods, 100 - weight),
  ].join('\n')
}

/** What a version was made of. */
interface From {
  images: string[]
  sha?: string
}

/** Conditions, events, answers and last log lines that the failure rests on. */
export function evidence(failure: Failure | undefined, open = false): string {
  const blocks = (failure?.evidence ?? []).filter((entry) => entry.lines.length > 0)
  if (blocks.length === 0) return ''
  const titles = [...new Set(blocks.map((entry) => entry.title))].join(', ')
  const [only] = blocks
  // A single title stands in the fold already.
  const text = blocks.length === 1 && only !== undefined ? fence(only.lines) : blocks.map(evidenceBlock).join('\n\n')
  return folded(`Evidence: ${html(titles, 120)}`, text, open)
}

function evidenceBlock(entry: Evidence): string {
  // In italics it can be no heading, whatever it begins with.
  return `_${md(entry.title, 200)}_\n${fence(entry.lines)}`
}

/** Findings, the worst first. */
export function findingTable(findings: readonly Finding[]): string {
  if (findings.length === 0) return ''
  const lines = byWeight(findings).map(
    (finding) =>
      `| ${findingIcon(finding)} | ${code(finding.id)} | ${finding.object === undefined ? '' : code(nameOf(finding.object))}${placeOf(finding)} | ${md(finding.reason)} | ${md(finding.mend)}${accepting(finding, code)} |`,
  )
  return ['| | Finding | Object | What is | What would be right |', '|---|---|---|---|---|', ...lines].join('\n')
}

/** What would be right and, for an error that may pass by name, the line of the config file that lets it. */
export function mendText(finding: Finding): string {
  return finding.mend + accepting(finding, (text) => text)
}

function accepting({ id, acceptable, accepted }: Finding, show: (text: string) => string): string {
  return acceptable === true && accepted !== true ? `, or ${show(`accept: [${id}]`)}` : ''
}

/** Errors first, then warnings; otherwise in the order they were found. */
export function byWeight(findings: readonly Finding[]): Finding[] {
  const weight = { error: 0, warning: 1, info: 2 }
  return findings.toSorted((a, b) => weight[a.severity] - weight[b.severity])
}

function findingIcon(finding: Finding): string {
  if (finding.accepted === true) return '☑️'
  return { error: '❌', warning: '⚠️', info: 'ℹ️' }[finding.severity]
}

function placeOf(finding: Finding): string {
  const { place } = finding
  if (place === undefined) return ''
  return `<br>${code(`${place.file}${place.line === undefined ? '' : `:${place.line}`}`)}`
}

/** What a person can do next, each with the command that does it. */
export function wayOn(record: RolloutRecord): string {
  const parts = waysOf(record).map((way) => {
    const title = way.url === undefined ? way.text : link(way.text, way.url)
    const to = way.to === undefined ? '' : ` to ${md(way.to, 80)}`
    return `**${title}**${to}\n${fence([way.gh ?? way.cli], 'sh', Infinity)}`
  })
  const cli = waysOf(record).flatMap((way) => (way.gh === undefined ? [] : [way.cli]))
  const shell =
    cli.length === 0
      ? ''
      : folded('The same from a shell with cluster access, by dist/cli.js of Headgate', fence(cli, 'sh'))
  const text = [...parts, shell, parts.length === 0 ? '' : formless(record)].filter((part) => part !== '').join('\n\n')
  // After a success hardly anybody wants to go back: there, but out of the way.
  return record.phase === 'succeeded' && text !== '' ? folded('The way back', text) : text
}

/** Why there is no command for GitHub. */
function formless({ source }: RolloutRecord): string {
  if (source.repository === '' || source.workflow !== '') return ''
  return [
    '_From a shell with cluster access, by dist/cli.js of Headgate: the workflow has no form to do it by.',
    'That is `on: workflow_dispatch` with the inputs `command` and `rollout`; or the variable `HEADGATE_WORKFLOW` of the',
    'step that deploys names a workflow that has it._',
  ].join(' ')
}

/** The way back without Headgate, while the rollout rests. */
export function withoutHeadgate(view: ReportView, record: RolloutRecord): string {
  const commands = byHandOf(record, view.byHand, stateOf(view) === 'cut-short')
  if (commands.length === 0) return ''
  const title = `Without Headgate: back to ${html(versionsOf(record).stable, 80)} with kubectl`
  return folded(title, fence(commands, 'sh', Infinity))
}

/** Where all this comes from, for those who look further. */
export function footer(view: ReportView, record: RolloutRecord): string {
  const { source, lastRun, release } = record
  const parts = [
    `rollout ${record.rollout}`,
    `release <code>${html(shortDigest(release.digest))}</code>`,
    record.strategy,
    commit(release.sha ?? source.sha, source.repository, source.serverUrl),
    run(lastRun.runUrl === '' ? source.runUrl : lastRun.runUrl, lastRun.runNumber, lastRun.attempt),
    `${md(view.cluster, 100)} / ${md(record.namespace)}`,
    timeText(record.updatedAt),
  ]
  return sub(parts)
}

/** The same for what is said of a run alone, at `now` in ms since 1970. */
export function runFooter(
  { sha, repository, serverUrl, runUrl, runNumber, attempt }: RunSource,
  cluster: string,
  namespace: string,
  now: number,
): string {
  const where = `${md(cluster, 100)} / ${md(namespace)}`
  const at = timeText(new Date(now).toISOString())
  return sub([commit(sha, repository, serverUrl), run(runUrl, runNumber, attempt), where, at])
}

function sub(parts: readonly string[]): string {
  return `<sub>${parts.filter((part) => part !== '').join(' · ')}</sub>`
}

function timeText(iso: string): string {
  return iso.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC')
}

function commit(sha: string, repository: string, serverUrl: string): string {
  if (!/^[0-9a-f]{7,64}$/.test(sha)) return ''
  const text = `commit ${sha.slice(0, 7)}`
  return repository === '' || serverUrl === '' ? text : link(text, `${serverUrl}/${repository}/commit/${sha}`)
}

function run(url: string, number: number, attempt: number): string {
  if (url === '') return ''
  return link(`run ${number}${attempt > 1 ? ` (attempt ${attempt})` : ''}`, url)
}
