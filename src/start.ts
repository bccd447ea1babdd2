import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { Deps } from './rollout/deps.ts'
import { resultOf } from './commands/result.ts'
import { runCommand } from './commands/run.ts'
import { CommentReporter } from './github/comment.ts'
import { openGitHub } from './github/github.ts'
import type { RunContext } from './input/action.ts'
import { parseConfig } from './input/config.ts'
import { readConfigFile, readManifestFiles } from './input/files.ts'
import { readSettings, type SettingsRead } from './input/settings.ts'
import { expandVariables } from './input/variables.ts'
import { Client } from './kubernetes/client.ts'
import { connect } from './kubernetes/connection.ts'
import { fetchUrl } from './checks/fetch.ts'
import { collector } from './report/collector.ts'
import { consoleReporter } from './report/console.ts'
import type { Result } from './report/events.ts'
import { renderJson } from './report/json.ts'
import { type OutputName, outputsOf } from './report/outputs.ts'
import type { ReportView } from './report/view.ts'
import { systemClock } from './shared/clock.ts'
import { failureOf } from './shared/errors.ts'
import { VERSION } from './shared/version.ts'

/** What differs between a GitHub runner and a command line. */
export interface Host {
  write: (text: string) => void
  /** fold and annotate as the GitHub runner understands it */
  github: boolean
  color: boolean
  cancel: AbortSignal
  /** keeps a value out of every log */
  mask: (secret: string) => void
  /** what a later step of this job needs should this process be killed */
  remember: (name: string, value: string) => void
}

export interface Done {
  result: Result
  view: ReportView
  outputs: Record<OutputName, string>
}

/** The HTTP parser is WebAssembly: to optimise it takes 20 MB, and a few hundred requests give nothing back for that. */
const NO_OPTIMISED_PARSER = '--wasm-tiering-budget=1000000000'

/** Time that a Service change needs to reach every proxy: kube-proxy syncs once a second, others look every two. */
const SETTLE_MS = 3_000

/** One command, from inputs to result and reports. Never throws. */
export async function start(context: RunContext, host: Host): Promise<Done> {
  setFlagsFromString(NO_OPTIMISED_PARSER)
  const clock = systemClock
  const log = consoleReporter({ write: host.write, clock, github: host.github, color: host.color })
  const reporter = collector(clock, log)
  const { source, env } = context
  let read: SettingsRead
  let result: Result
  try {
    read = await settingsOf(context)
  } catch (error) {
    const failure = failureOf(error)
    const command = 'deploy'
    result = {
      ...resultOf(
        { settings: { command } as Deps['settings'] },
        { outcome: failure.kind === 'refused' ? 'refused' : 'failed', message: failure.message, failure },
      ),
    }
    reporter.emit({ kind: 'failure', failure })
    reporter.emit({ kind: 'result', result })
    return complete(context, result, reporter.view(), undefined, log)
  }
  const { settings, notices, kubeconfig, context: contextName, githubToken } = read
  for (const text of notices) reporter.emit({ kind: 'line', text })
  if (githubToken !== undefined) host.mask(githubToken)
  const github =
    githubToken === undefined || source.repository === ''
      ? undefined
      : openGitHub({ token: githubToken, apiUrl: context.apiUrl })
  const notice = (text: string): void => reporter.emit({ kind: 'line', text })
  const comment =
    settings.comment === 'never' || source.repository === ''
      ? undefined
      : new CommentReporter({
          github,
          source,
          view: reporter.view,
          clock,
          notice,
          ...(settings.pullRequest === undefined ? {} : { pullRequest: settings.pullRequest }),
        })
  if (comment !== undefined) reporter.add(comment)
  try {
    const options = {
      env: pick(env),
      onSecret: host.mask,
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(contextName === undefined ? {} : { context: contextName }),
    }
    const connection = await connect(options)
    const { environment } = settings
    reporter.emit({
      kind: 'target',
      cluster: connection.contextName || connection.clusterName,
      app: settings.app ?? '',
      namespace: settings.namespace ?? connection.namespace,
      ...(environment === undefined ? {} : { environment }),
    })
    host.remember(
      'target',
      JSON.stringify({ app: settings.app, namespace: settings.namespace ?? connection.namespace }),
    )
    const debug = (text: string): void => reporter.emit({ kind: 'line', level: 'debug', text })
    const client = new Client(connection.transport, clock, {
      userAgent: `headgate/${VERSION}`,
      onRequest: ({ method, path: to, status, ms }) => debug(`${method} ${to} ${status} ${ms} ms`),
      onWarning: (text) => reporter.emit({ kind: 'line', level: 'warning', text }),
    })
    result = await runCommand({
      settings,
      source,
      client,
      connection,
      clock,
      reporter,
      cancel: host.cancel,
      identity: randomUUID().slice(0, 8),
      readManifests: () => readManifestFiles(context.workspace, settings.manifests),
      expand: (text) => expandVariables(text, env),
      fetchUrl,
      settleMs: SETTLE_MS,
      comment: () => ({ id: comment?.commentId, pullRequest: comment?.pullRequest }),
    })
    await connection.close()
  } catch (error) {
    const failure = failureOf(error)
    result = resultOf(
      { settings },
      { outcome: failure.kind === 'refused' ? 'refused' : 'failed', message: failure.message, failure },
    )
    reporter.emit({ kind: 'failure', failure })
    reporter.emit({ kind: 'result', result })
  }
  // A cancelled run has seconds to live; what it could not say, the post step says.
  await comment?.flush(host.cancel.aborted ? 2_000 : 20_000)
  return complete(context, result, reporter.view(), comment?.url, log)
}

/** Inputs and config file together; throws a refusal for what is wrong in them. */
export async function settingsOf(context: RunContext): Promise<SettingsRead> {
  const file = await readConfigFile(context.workspace, context.raw.config)
  return readSettings(context.raw, file === undefined ? undefined : parseConfig(file.text, file.file))
}

async function complete(
  context: RunContext,
  result: Result,
  view: ReportView,
  commentUrl: string | undefined,
  log: { close: () => void },
): Promise<Done> {
  log.close()
  const paths = await writeReports(context, result, view).catch(() => ({}))
  return { result, view, outputs: outputsOf(result, { ...paths, ...(commentUrl === undefined ? {} : { commentUrl }) }) }
}

/** Report and plan as files for the steps that come after. */
async function writeReports(
  { tempDir }: RunContext,
  result: Result,
  view: ReportView,
): Promise<{ report: string; plan?: string }> {
  const folder = path.join(tempDir, 'headgate')
  await mkdir(folder, { recursive: true })
  const name = `${result.command}-${randomUUID().slice(0, 8)}`
  const report = path.join(folder, `${name}.json`)
  await writeFile(report, renderJson(view))
  if (result.plan === undefined) return { report }
  const plan = path.join(folder, `${name}-plan.md`)
  await writeFile(plan, result.plan)
  return { report, plan }
}

/** What says where the cluster is. */
const CLUSTER_VARIABLES = [
  'KUBECONFIG',
  'HOME',
  'USERPROFILE',
  'KUBERNETES_SERVICE_HOST',
  'KUBERNETES_SERVICE_PORT',
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
]

function pick(env: (name: string) => string | undefined): Record<string, string | undefined> {
  return Object.fromEntries(CLUSTER_VARIABLES.map((name) => [name, env(name)]))
}
