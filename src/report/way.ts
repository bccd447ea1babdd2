import { isOver, type RolloutRecord } from '../rollout/record.ts'
import type { RunSource, Settings } from '../rollout/settings.ts'
import { versionsOf } from './status.ts'
import { shellWord } from './text.ts'

/** The command line tool, called as the README calls it. */
export const CLI = 'node dist/cli.js'

/** One thing that a person can do next. */
export interface Way {
  /** what it does, as a short sentence */
  text: string
  /** the version that it leads to, where the sentence goes on with it; foreign text, so never part of a link */
  to?: string
  /** with the GitHub command line; absent outside of GitHub */
  gh?: string
  /** with Headgate's own command line */
  cli: string
  /** page to press the button on; absent outside of GitHub */
  url?: string
}

/** What can be done from where the rollout rests, the way forward first. Every command carries the rollout's number. */
export function waysOf(record: RolloutRecord): Way[] {
  const promote = act(record, 'promote', record.plan[record.step]?.kind === 'approve' ? 'Approve' : 'Go on')
  const abort = backOf(record)
  switch (record.phase) {
    case 'paused':
      return [promote, abort]
    case 'stopped':
      return [...again(record, 'Retry the step'), act(record, 'promote', 'Go on past every gate', true), abort]
    case 'progressing':
      return [...again(record, 'Go on, if the run has died'), abort]
    case 'aborting':
    case 'failed':
      return [act(record, 'abort', 'Finish the way back')]
    case 'succeeded':
      return record.previous === undefined ? [] : [act(record, 'rollback', 'Bring the release before back')]
    case 'aborted':
      return []
  }
}

/**
 * The command that goes on from where the rollout rests, with its number; empty when nothing is under way. `cluster`: how
 * this run was told its cluster, which the next one at the same command line has to be told as well.
 */
export function nextCommand(record: RolloutRecord, cluster: ClusterFlags = {}): string {
  if (isOver(record)) return ''
  const way = waysOf(record)[0]
  return way === undefined ? '' : commandOf(way, cluster)
}

/** The command that goes back from where the rollout rests; empty when nothing is under way. */
export function backCommand(record: RolloutRecord, cluster: ClusterFlags = {}): string {
  return ['paused', 'stopped', 'progressing'].includes(record.phase) ? commandOf(backOf(record), cluster) : ''
}

/** How the command line was told its cluster. */
export type ClusterFlags = NonNullable<Settings['cluster']>

/** One way as the second half of a sentence: `go back to 0.1.0`. */
export function phraseOf({ text, to }: Way): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}${to === undefined ? '' : ` to ${to}`}`
}

/** One way as the command that a person copies. */
export function commandOf({ gh, cli }: Way, { kubeconfig, context }: ClusterFlags = {}): string {
  return gh ?? [cli, ...flag('kubeconfig', kubeconfig), ...flag('context', context)].join(' ')
}

/** Page of the workflow, where its file is known, else of the run; undefined outside of GitHub. */
export function workflowUrl(source: RunSource): string | undefined {
  if (source.repository === '' || source.serverUrl === '') return undefined
  const file = /([^/@]+\.ya?ml)(?:@|$)/.exec(source.workflow)?.[1]
  if (file !== undefined)
    return `${source.serverUrl}/${source.repository}/actions/workflows/${encodeURIComponent(file)}`
  return source.runUrl === '' ? undefined : source.runUrl
}

function backOf(record: RolloutRecord): Way {
  return { ...act(record, 'abort', 'Go back'), to: versionsOf(record).stable }
}

function act(record: RolloutRecord, command: string, text: string, full = false): Way {
  const { app, namespace, rollout, source } = record
  const url = workflowUrl(source)
  const cli = [
    `${CLI} ${command}`,
    ...flag('app', app),
    ...flag('namespace', namespace),
    ...flag('rollout', String(rollout)),
    ...(full ? ['--full'] : []),
  ].join(' ')
  if (source.repository === '' || source.workflow === '') return { text, cli }
  const file = /([^/@]+\.ya?ml)(?:@|$)/.exec(source.workflow)?.[1] ?? source.workflow
  const fields = fieldsOf(record, command, full)
  if (fields === undefined) return { text, cli }
  const gh = `gh workflow run ${shellWord(file)} -R ${repositoryOf(source)} ${fields.map((field) => `-f ${shellWord(field)}`).join(' ')}`
  return { text, cli, gh, ...(url === undefined ? {} : { url }) }
}

/**
 * What is entered into the form. GitHub refuses a field that it does not have, so what tells apps and environments apart
 * is given where it is known to be there: numbers of rollouts are counted by app and namespace. Undefined where the form
 * cannot say it.
 */
function fieldsOf(record: RolloutRecord, command: string, full: boolean): string[] | undefined {
  const { app, namespace, environment, rollout, source } = record
  const { workflowInputs: known } = source
  if (full && known !== undefined && !known.includes('full')) return undefined
  const told = Object.entries({ app, namespace, environment }).filter(([name]) => known?.includes(name) === true)
  return [
    `command=${command}`,
    `rollout=${rollout}`,
    ...(full ? ['full=true'] : []),
    ...told.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])),
  ]
}

/** As the GitHub command line wants it, which takes github.com where no host is named. */
function repositoryOf({ repository, serverUrl }: RunSource): string {
  const host = URL.canParse(serverUrl) ? new URL(serverUrl).host : ''
  return shellWord(host === '' || host === 'github.com' ? repository : `${host}/${repository}`)
}

/**
 * Deploying the same release in the same way goes on with it; a rollback was begun from a release that no file has. It is
 * the run that began the rollout: the last one may have been a promote, which another attempt of it would be refused.
 */
function again(record: RolloutRecord, text: string): Way[] {
  const { app, namespace, source, lastRun, strategy, steps, pods, inputs } = record
  if (record.command === 'rollback') return []
  const cli = [
    `${CLI} deploy`,
    ...flag('app', app),
    ...flag('namespace', namespace),
    ...(inputs?.manifests ?? []).flatMap((path) => flag('manifests', path)),
    ...(inputs?.images ?? []).flatMap((image) => flag('images', image)),
    ...flag('config', inputs?.config),
    ...flag('strategy', strategy),
    ...flag('steps', steps.length === 0 ? undefined : steps.join(', ')),
    ...flag('pods', pods === 'separate' ? pods : undefined),
  ].join(' ')
  const run = source.runId === '' ? lastRun : source
  if (run.runId === '' || run.repository === '') return [{ text, cli }]
  const gh = `gh run rerun ${shellWord(run.runId)} -R ${repositoryOf(run)}`
  return [{ text, cli, gh, ...(run.runUrl === '' ? {} : { url: run.runUrl }) }]
}

function flag(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`--${name} ${shellWord(value)}`]
}
