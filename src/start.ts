import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { fetchUrl } from './checks/fetch.ts'
import { processRunner } from './checks/process.ts'
import { resultOf } from './commands/result.ts'
import { runCommand } from './commands/run.ts'
import { githubReporters, type GitHubReporters } from './github/reporters.ts'
import type { RunContext } from './input/action.ts'
import { parseConfig } from './input/config.ts'
import { readConfigFile, readManifestFiles } from './input/files.ts'
import { refuseProblems } from './input/problems.ts'
import { readSettings, type SettingsRead } from './input/settings.ts'
import { expandVariables } from './input/variables.ts'
import { Client } from './kubernetes/client.ts'
import { type Connection, connect, serverName } from './kubernetes/connection.ts'
import { collector } from './report/collector.ts'
import { consoleReporter } from './report/console.ts'
import type { Reporter, Result } from './report/events.ts'
import { renderJson } from './report/json.ts'
import { type OutputName, outputsOf } from './report/outputs.ts'
import type { ReportView } from './report/view.ts'
import { COMMANDS, type Settings } from './rollout/settings.ts'
import { systemClock } from './shared/clock.ts'
import { failureOf, TAKEN_OVER } from './shared/errors.ts'
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
  /** this process says for another one, which acted and was killed, how its rollout has ended */
  completes?: boolean
}

export interface Done {
  result: Result
  view: ReportView
  outputs: Record<OutputName, string>
  /** false when GitHub did not take in time what a later step of this job could still say */
  told: boolean
}

/** The HTTP parser is WebAssembly: to optimise it takes 20 MB, and a few hundred requests give nothing back for that. */
const NO_OPTIMISED_PARSER = '--wasm-tiering-budget=1000000000'

/** Time that a Service change needs to reach every proxy: kube-proxy syncs once a second, others look every two. */
const SETTLE_MS = 3_000

/** One command, from inputs to result and reports. Never throws. */
export async function start(context: RunContext, host: Host): Promise<Done> {
  setFlagsFromString(NO_OPTIMISED_PARSER)
  const log = consoleReporter({ write: host.write, clock: systemClock, github: host.github, color: host.color })
  const reporter = collector(systemClock, log)
  const view = (): ReportView => (host.completes === true ? { ...reporter.view(), cutShort: true } : reporter.view())
  const done = (result: Result, told = true, commentUrl?: string): Promise<Done> =>
    complete(context, { result, view: view(), told }, commentUrl, log)
  let read: SettingsRead
  try {
    read = await settingsOf(context)
  } catch (error) {
    // What is wrong may be the command itself; else it is what people look for in the answer.
    const command = COMMANDS.find((each) => each === context.raw.command) ?? 'deploy'
    return done(endedBy(error, { command }, reporter))
  }
  for (const text of read.notices) reporter.emit({ kind: 'line', text })
  if (read.githubToken !== undefined) host.mask(read.githubToken)
  const github = githubReporters({
    ...context,
    ...read,
    view,
    clock: systemClock,
    completes: host.completes === true,
    say: (text, level) => reporter.emit({ kind: 'line', text, level }),
    known: (deployment) => host.remember('deployment', String(deployment)),
  })
  for (const each of github.reporters) reporter.add(each)
  reporter.add(remembering(host))
  const result = await commanded(context, host, read, reporter, github)
  // A cancelled run has seconds to live; what it could not say, the post step says.
  const told = await github.flush(host.cancel.aborted ? 2_000 : 20_000)
  // Whom another run has taken over from does not know how things stand by now: the post step looks.
  return done(result, told && result.failure?.code !== TAKEN_OVER, github.commentUrl())
}

/** The post step has to find the app again, which the manifests may have named. */
function remembering({ remember }: Host): Reporter {
  let known = ''
  return {
    emit: (event) => {
      if (event.kind !== 'record') return
      const { app, namespace } = event.record
      const target = JSON.stringify({ app, namespace })
      if (target !== known) remember('target', target)
      known = target
    },
  }
}

/** What ended a command before it could end itself. */
function endedBy(
  error: unknown,
  settings: Pick<Settings, 'command' | 'app' | 'namespace' | 'cluster'>,
  reporter: Reporter,
): Result {
  const failure = failureOf(error)
  const outcome = failure.kind === 'refused' ? 'refused' : 'failed'
  const result = resultOf({ settings }, { outcome, message: failure.message, failure })
  reporter.emit({ kind: 'failure', failure })
  reporter.emit({ kind: 'result', result })
  return result
}

/** Connects to the cluster and runs the command there. */
async function commanded(
  context: RunContext,
  host: Host,
  read: SettingsRead,
  reporter: Reporter,
  github: GitHubReporters,
): Promise<Result> {
  const { settings } = read
  const { env, source, workspace } = context
  try {
    const connection = await connected(context, host, read, reporter)
    const result = await runCommand({
      settings,
      source,
      client: clientOf(connection, reporter),
      connection,
      clock: systemClock,
      reporter,
      cancel: host.cancel,
      identity: randomUUID().slice(0, 8),
      readManifests: () => readManifestFiles(workspace, settings.manifests),
      expand: (text) => expandVariables(text, env),
      fetchUrl,
      runCommand: processRunner(context.childEnv, workspace),
      settleMs: SETTLE_MS,
      onGitHub: github.known,
      pullRequest: github.pullRequest,
      approvers: github.approvers,
    })
    await connection.close()
    return result
  } catch (error) {
    return endedBy(error, settings, reporter)
  }
}

/** The cluster that inputs and environment name; told to the log, and to the post step of this job. */
async function connected(
  { env, source }: RunContext,
  host: Host,
  { settings, kubeconfig, context }: SettingsRead,
  reporter: Reporter,
): Promise<Connection> {
  const connection = await connect({
    env: pick(env),
    onSecret: host.mask,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  })
  const { app, environment, namespace = connection.namespace } = settings
  reporter.emit({
    kind: 'target',
    cluster: connection.contextName || connection.clusterName,
    app: app ?? '',
    namespace,
    ...(environment === undefined ? {} : { environment }),
    run: source,
  })
  host.remember('target', JSON.stringify({ app, namespace }))
  return connection
}

function clientOf(connection: Connection, reporter: Reporter): Client {
  return new Client(connection.transport, systemClock, {
    server: serverName(connection),
    userAgent: `headgate/${VERSION}`,
    onRequest: ({ method, path: to, status, ms }) =>
      reporter.emit({ kind: 'line', level: 'debug', text: `${method} ${to} ${status} ${ms} ms` }),
    onWarning: (text) => reporter.emit({ kind: 'line', level: 'warning', text }),
  })
}

/** Inputs and config file together; throws a refusal for what is wrong in them. */
export async function settingsOf(context: RunContext): Promise<SettingsRead> {
  if (context.typos.length > 0) throw refuseProblems('input', context.typos)
  const file = await readConfigFile(context.workspace, context.raw.config)
  return readSettings(context.raw, file === undefined ? undefined : parseConfig(file.text, file.file))
}

async function complete(
  context: RunContext,
  { result, view, told }: Omit<Done, 'outputs'>,
  commentUrl: string | undefined,
  log: { close: () => void },
): Promise<Done> {
  log.close()
  const paths = await writeReports(context, result, view).catch(() => ({}))
  const outputs = outputsOf(result, { ...paths, ...(commentUrl === undefined ? {} : { commentUrl }) })
  return { result, view, told, outputs }
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
