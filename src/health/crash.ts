import { valueAt } from '../manifests/workload.ts'
import { formatDuration } from '../shared/duration.ts'
import type { ContainerState, Pod } from '../shared/objects.ts'
import {
  type ContainerRow,
  idOf,
  type Look,
  logOf,
  newestEvent,
  oneLine,
  podRef,
  servedKey,
  type Sign,
  subject,
} from './look.ts'
import type { SymptomCode } from './symptom.ts'

type Ended = NonNullable<ContainerState['terminated']> & { startedAt?: string }

interface Crash {
  ended: Ended | undefined
  restarts: number
  /** the kubelet waits before it starts the container again */
  backOff: boolean
  /** an earlier start was ready: it has served users and then ended */
  served: boolean
  /** the last run, in milliseconds, when both ends are known */
  ran: number | undefined
}

/** What an exit code says, by the shell's and the kernel's conventions (above 128: ended by signal code − 128). */
export function exitMeaning(code: number, reason = ''): { says: string; hint: string } {
  const meaning = EXITS[code]
  if (reason === 'OOMKilled') return EXIT_OOM
  if (meaning !== undefined) return meaning
  if (code > 128 && code < 160)
    return { says: `ended by signal ${code - 128}`, hint: 'look at its last log lines for what ended it' }
  return EXIT_OTHER
}

const EXIT_OTHER = {
  says: 'an error of the application',
  hint: 'look at its last log lines, mend the release and deploy again',
}
const EXIT_OOM = {
  says: 'it used more memory than its limit',
  hint: 'raise resources.limits.memory, or let the application use less',
}

const EXITS: Record<number, { says: string; hint: string }> = {
  0: {
    says: 'its command came to an end, but a server must go on',
    hint: 'check command and args: the process must stay in the foreground',
  },
  126: { says: 'its command cannot be executed', hint: 'check command and args, and the file mode in the image' },
  127: { says: 'its command was not found', hint: 'check command and args against what the image contains' },
  128: { says: 'it could not be started', hint: 'check command and args; if they are right, the node' },
  134: { says: 'it aborted itself', hint: 'look at its last log lines' },
  137: {
    says: 'killed (SIGKILL): out of memory, a failing liveness probe, or the node',
    hint: 'look at its memory limit and its liveness probe',
  },
  139: {
    says: 'it violated its memory (segmentation fault)',
    hint: 'look for a fault in native code, or a wrong architecture',
  },
  143: {
    says: 'asked to end (SIGTERM), often by a failing liveness probe',
    hint: 'look at its liveness probe and its events',
  },
}

/** A run without a readiness probe that was this long has served, in milliseconds. */
const SERVED_AT_LEAST = 10_000

/** Ended by the node, not by itself: a reboot, or a runtime that lost it. */
const BY_NODE = new Set(['Unknown', 'ContainerStatusUnknown'])
/** The runtime could not start it: the image's or the manifest's command, or trouble on the node. */
const NOT_STARTED = new Set(['ContainerCannotRun', 'StartError'])

/**
 * A container that ends again and again. It is called bad at once when its runs are short and the kubelet backs off, when
 * it has been restarted twice without becoming ready, or when it ended after it had been ready.
 */
export function crashSign(pod: Pod, row: ContainerRow, look: Look): Sign | undefined {
  const crash = crashOf(pod, row, look)
  if (crash === undefined) return undefined
  const { name } = row.status
  const code = codeOf(pod, row, crash, look)
  const previous = row.status.state?.terminated === undefined
  const { message } = crash.ended ?? {}
  return {
    code,
    // Events may come late and name it better: that must not begin its grace anew.
    key: `crash-loop/${idOf(pod)}/${name}`,
    depth: 1,
    object: podRef(pod),
    container: name,
    ...verdict(crash, row, look),
    sentence: sentenceOf(pod, row, crash, code),
    hint: hintOf(crash, code),
    ...(message === undefined ? {} : { detail: oneLine(message, 700) }),
    wantsLogs: logOf(pod, name, previous),
  }
}

function crashOf(pod: Pod, row: ContainerRow, { memory, ofJob }: Look): Crash | undefined {
  const { state = {}, lastState = {}, restartCount: restarts = 0, ready, name } = row.status
  const ended: Ended | undefined = state.terminated ?? lastState.terminated
  const backOff = state.waiting?.reason === 'CrashLoopBackOff'
  const starts = state.terminated === undefined ? restarts : restarts + 1
  let served = false
  for (let start = 0; start < starts && !served; start++) served = memory.has(servedKey(pod, name, start))
  const ran = Date.parse(ended?.finishedAt ?? '') - Date.parse(ended?.startedAt ?? '')
  // Without a probe a container counts as ready the moment it runs, so that a first short run says nothing.
  if (row.spec?.readinessProbe === undefined && !(ran >= SERVED_AT_LEAST)) served = false
  const well = ended?.exitCode === 0 && (row.role === 'init' || ofJob) && !backOff
  if (well || (ended === undefined && !backOff)) return undefined
  if (ready === true && !served) return undefined
  return { ended, restarts, backOff, served, ran: Number.isNaN(ran) ? undefined : Math.max(0, ran) }
}

function verdict(crash: Crash, row: ContainerRow, { ofJob, grace }: Look): Pick<Sign, 'fatal' | 'grace'> {
  const { ended, restarts, backOff, served, ran = 0 } = crash
  if (ofJob) return { fatal: 'never' }
  const { reason = '' } = ended ?? {}
  if (BY_NODE.has(reason) && restarts < 2) return { fatal: 'never' }
  // A node's trouble looks like this too, and another try may land better; a missing command does not mend itself.
  if (NOT_STARTED.has(reason) && !isWrongCommand(ended?.message ?? '') && restarts < 3)
    return { fatal: 'after-grace', grace: grace.createContainer }
  if (served || (restarts >= 2 && row.status.ready !== true)) return { fatal: 'now' }
  if (backOff) return ran < grace.quickExit ? { fatal: 'now' } : { fatal: 'after-grace', grace: grace.slowCrash }
  return { fatal: 'never' }
}

export function isWrongCommand(message: string): boolean {
  return /executable file not found|no such file or directory|permission denied|exec format error|is a directory/i.test(
    message,
  )
}

function codeOf(pod: Pod, row: ContainerRow, { ended }: Crash, look: Look): SymptomCode {
  if (ended?.reason === 'OOMKilled') return 'oom'
  const { name } = row.status
  const probe = (word: string): boolean =>
    newestEvent(pod, look, ({ message = '' }) => new RegExp(`${word} probe`, 'i').test(message), name) !== undefined
  // A probe's kill arrives as one of these two; another code is the application's own.
  const killed = ended?.exitCode === 137 || ended?.exitCode === 143
  if (killed && probe('failed liveness')) return 'liveness'
  if (killed && probe('failed startup')) return 'startup'
  if (killed && probe('liveness') && row.spec?.livenessProbe !== undefined) return 'liveness'
  if (killed && probe('startup') && row.spec?.startupProbe !== undefined) return 'startup'
  return row.role === 'init' ? 'init' : 'crash-loop'
}

function sentenceOf(pod: Pod, row: ContainerRow, { ended, restarts, served, ran }: Crash, code: SymptomCode): string {
  const who = subject(pod, row)
  const often = restarts === 0 ? '' : `, restarted ${restarts === 1 ? 'once' : `${restarts} times`}`
  const after = ran === undefined ? '' : ` after ${formatDuration(ran)}`
  const past = served ? ', although it had been ready' : ''
  if (code === 'liveness' || code === 'startup') return `${who} is killed by its ${code} probe${after}${past}${often}`
  if (code === 'oom')
    return `${who} was killed for using more memory than its limit${limitOf(row)}${after}${past}${often}`
  if (ended === undefined) return `${who} ends again and again${often}`
  const says =
    ended.exitCode === 0 && row.role === 'init'
      ? 'it ends well, but is started again'
      : exitMeaning(ended.exitCode).says
  const why = isWrongCommand(ended.message ?? '') ? oneLine(ended.message ?? '', 200) : says
  return `${who} ended with exit code ${ended.exitCode} (${why})${after}${past}${often}`
}

function limitOf({ spec }: ContainerRow): string {
  const memory = valueAt(spec?.resources, ['limits', 'memory'])
  return typeof memory === 'string' ? ` of ${memory}` : ''
}

function hintOf({ ended }: Crash, code: SymptomCode): string {
  if (code === 'liveness')
    return 'give it more time (initialDelaySeconds, failureThreshold, or a startupProbe), or correct the path and port of the probe'
  if (code === 'startup')
    return 'raise failureThreshold × periodSeconds of the startupProbe, or correct its path and port'
  return exitMeaning(ended?.exitCode ?? 1, ended?.reason).hint
}
