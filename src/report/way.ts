import type { RolloutRecord } from '../rollout/record.ts'
import type { RunSource } from '../rollout/settings.ts'
import { shellWord } from './text.ts'

/** One thing that a person can do next. */
export interface Way {
  /** what it does, as a short sentence */
  text: string
  /** with the GitHub command line; absent outside of GitHub */
  gh?: string
  /** with Headgate's own command line */
  cli: string
  /** page to press the button on; absent outside of GitHub */
  url?: string
}

/** What can be done from where the rollout rests, the way forward first. Every command carries the rollout's number. */
export function waysOf(record: RolloutRecord): Way[] {
  const promote = act(record, 'promote', 'Go on')
  const abort = act(record, 'abort', 'Go back to the version before')
  switch (record.phase) {
    case 'paused':
      return [promote, abort]
    case 'stopped':
      return [again(record, 'Retry the step'), act(record, 'promote', 'Go on past every gate', true), abort]
    case 'progressing':
      return [again(record, 'Go on, if the run has died'), abort]
    case 'aborting':
    case 'failed':
      return [{ ...abort, text: 'Finish the way back' }]
    case 'succeeded':
      return record.previous === undefined ? [] : [act(record, 'rollback', 'Bring the release before back')]
    case 'aborted':
      return []
  }
}

/** The command that goes on from where the rollout rests, with its number; empty when nothing is under way. */
export function nextCommand(record: RolloutRecord): string {
  if (record.phase === 'succeeded' || record.phase === 'aborted') return ''
  const way = waysOf(record)[0]
  return way?.gh ?? way?.cli ?? ''
}

/** Page of the workflow, where its file is known, else of the run; undefined outside of GitHub. */
export function workflowUrl(source: RunSource): string | undefined {
  if (source.repository === '' || source.serverUrl === '') return undefined
  const file = /([^/@]+\.ya?ml)(?:@|$)/.exec(source.workflow)?.[1]
  if (file !== undefined)
    return `${source.serverUrl}/${source.repository}/actions/workflows/${encodeURIComponent(file)}`
  return source.runUrl === '' ? undefined : source.runUrl
}

function act(record: RolloutRecord, command: string, text: string, full = false): Way {
  const { app, namespace, rollout, source } = record
  const url = workflowUrl(source)
  // GitHub refuses a dispatch with an input that the workflow does not declare, so only what every recipe declares.
  const fields = [`command=${command}`, `rollout=${rollout}`, ...(full ? ['full=true'] : [])]
  const cli = [
    `headgate ${command} --app ${shellWord(app)} --namespace ${shellWord(namespace)} --rollout ${rollout}`,
    ...(full ? ['--full'] : []),
  ].join(' ')
  if (source.repository === '' || source.workflow === '') return { text, cli }
  const file = /([^/@]+\.ya?ml)(?:@|$)/.exec(source.workflow)?.[1] ?? source.workflow
  const gh = `gh workflow run ${shellWord(file)} -R ${shellWord(source.repository)} ${fields.map((field) => `-f ${shellWord(field)}`).join(' ')}`
  return { text, cli, gh, ...(url === undefined ? {} : { url }) }
}

function again(record: RolloutRecord, text: string): Way {
  const { app, namespace, source, lastRun } = record
  const cli = `headgate deploy --app ${shellWord(app)} --namespace ${shellWord(namespace)}`
  const run = lastRun.runId === '' ? source : lastRun
  if (run.runId === '' || run.repository === '') return { text, cli }
  const gh = `gh run rerun ${shellWord(run.runId)} -R ${shellWord(run.repository)}`
  return { text, cli, gh, ...(run.runUrl === '' ? {} : { url: run.runUrl }) }
}
