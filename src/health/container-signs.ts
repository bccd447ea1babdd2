import type { KubeEvent, Pod } from '../shared/objects.ts'
import { isWrongCommand } from './crash.ts'
import {
  type ContainerRow,
  countOf,
  eventsOf,
  idOf,
  type Look,
  newestEvent,
  oneLine,
  podRef,
  type Sign,
  subject,
} from './look.ts'
import { conditionOf } from './pods.ts'

/** What the kubelet says of a container that it cannot make or start, whatever became of an earlier start. */
export function unmadeSign(pod: Pod, row: ContainerRow, look: Look): Sign | undefined {
  const { reason = '', message = '' } = row.status.state?.waiting ?? {}
  if (reason === 'CreateContainerConfigError')
    return { ...signOf('missing-config', pod, row), ...configSign(pod, row, message, look) }
  const hint = CREATE_HINTS[reason]
  if (hint === undefined) return undefined
  const grace = isWrongCommand(message) ? look.grace.imagePull : look.grace.createContainer
  const said = newestEvent(pod, look, ({ reason = '' }) => HOOK_EVENTS.has(reason), row.status.name)?.message ?? ''
  const sentence = `${subject(pod, row)} cannot be started: ${oneLine(message || said) || reason}`
  return { ...signOf('create-container', pod, row), fatal: 'after-grace', grace, sentence, hint }
}

const CREATE_HINT = 'check command, args, volumes and lifecycle hooks of the container'
const CREATE_HINTS: Record<string, string> = {
  CreateContainerError: CREATE_HINT,
  RunContainerError: CREATE_HINT,
  PreCreateHookError: 'look at the node: its runtime prepares the container before it is made',
  PreStartHookError: 'look at the node: its runtime prepares the container before it starts',
  PostStartHookError: 'check lifecycle.postStart of the container: it ends the container when it fails',
}
const HOOK_EVENTS = new Set(['FailedPostStartHook', 'FailedPreStartHook'])

function signOf(code: Sign['code'], pod: Pod, { status }: ContainerRow) {
  const { reason = '', message = '' } = status.state?.waiting ?? {}
  return {
    code,
    key: `${code}/${idOf(pod)}/${status.name}`,
    depth: 1 as const,
    object: podRef(pod),
    container: status.name,
    ...(message === '' ? {} : { detail: oneLine(`${reason}: ${message}`, 700) }),
  }
}

/** A container that has not started, or runs without being ready. */
export function waitingSign(pod: Pod, row: ContainerRow, look: Look): Sign | undefined {
  const { state = {}, ready, started } = row.status
  if (state.waiting !== undefined)
    return { ...signOf('starting', pod, row), ...startingSign(pod, row, state.waiting.reason ?? '', look) }
  if (state.running === undefined || ready === true) return undefined
  if (row.role === 'init') {
    const sentence = `${subject(pod, row)} still runs, and the others wait for it`
    const hint = 'look at what it waits for'
    return { ...signOf('init', pod, row), fatal: 'never', hiddenFor: look.grace.starting, sentence, hint }
  }
  const probe = started === false && row.spec?.startupProbe !== undefined ? 'startup' : 'readiness'
  return { ...signOf(probe, pod, row), ...unreadySign(pod, row, probe, look) }
}

type Rest = Pick<Sign, 'fatal' | 'grace' | 'hiddenFor' | 'sentence' | 'hint'> &
  Partial<Pick<Sign, 'code' | 'key' | 'detail'>>

function configSign(pod: Pod, row: ContainerRow, message: string, look: Look): Rest {
  const why = oneLine(message) || 'its configuration is wrong'
  const sentence = `${subject(pod, row)} cannot be made: ${why}`
  // The kubelet's own cache lags behind right after the object was made.
  if (/failed to sync .* cache|timed out waiting for the condition/i.test(message))
    return { fatal: 'never', sentence, hint: 'it passes by itself' }
  const key = idOf(pod)
  if (/runAsNonRoot|non-root|image will run as root|runAsUser/i.test(message)) {
    const hint = 'set runAsUser to a number above 0, or build the image with a numeric USER'
    return { code: 'security-context', key: `security-context/${key}/${row.status.name}`, fatal: 'now', sentence, hint }
  }
  const hint = `add what is missing to the manifests, or create it in namespace ${pod.metadata.namespace ?? 'default'}`
  return { fatal: 'after-grace', grace: look.grace.missingConfig, sentence, hint }
}

const ATTACHING = new Set(['FailedMount', 'FailedAttachVolume', 'FailedMapVolume'])

function startingSign(pod: Pod, row: ContainerRow, reason: string, look: Look): Rest {
  const key = idOf(pod)
  const named = ({ reason = '' }: KubeEvent): boolean => ATTACHING.has(reason)
  const volume = newestEvent(pod, look, named)
  if (volume !== undefined) {
    const why = oneLine(volume.message ?? '') || 'no reason given'
    const gone = /not found|non-existent|does not exist/i.test(why)
    const sentence = `${subject(pod, row)} waits for a volume: ${why}`
    const hint = gone ? 'create what the volume refers to, or correct its name' : 'look at the volume and the node'
    const verdict = gone
      ? ({ fatal: 'after-grace', grace: look.grace.missingConfig } as const)
      : ({ fatal: 'never' } as const)
    return { code: 'volume', key: `volume/${key}/${row.status.name}`, ...verdict, sentence, hint, detail: why }
  }
  const sandbox = newestEvent(pod, look, ({ reason }) => reason === 'FailedCreatePodSandBox')
  if (sandbox !== undefined) {
    const why = oneLine(sandbox.message ?? '') || 'no reason given'
    const sentence = `${subject(pod, row)} waits for its network: ${why}`
    return {
      code: 'sandbox',
      key: `sandbox/${key}/${row.status.name}`,
      fatal: 'never',
      sentence,
      hint: 'look at the node',
    }
  }
  // The pod's own condition tells where it hangs even to whoever may not read events.
  const bare = conditionOf(pod, 'PodReadyToStartContainers')?.status === 'False'
  const where = bare ? ': volumes and network of the pod are not there yet' : ''
  const sentence = `${subject(pod, row)} has not started yet (${reason || 'no reason given'})${where}`
  return { fatal: 'never', hiddenFor: look.grace.starting, sentence, hint: 'look at the events of the pod' }
}

/** What a probe got, from its Unhealthy event: `HTTP 503`, `connection refused` … */
export function probeAnswer({ message = '' }: KubeEvent): string {
  const said = message.replace(/^\w+ probe (failed|errored)[^:]*:\s*/i, '')
  return oneLine(said.replace(/^HTTP probe failed with statuscode: /, 'HTTP ')) || 'no answer'
}

/** Readiness never ends a rollout by itself: slow is not broken. Its last answer is what a person needs. */
function unreadySign(pod: Pod, row: ContainerRow, probe: 'startup' | 'readiness', look: Look): Rest {
  const failing = ({ reason, message = '' }: KubeEvent): boolean =>
    reason === 'Unhealthy' && message.toLowerCase().includes(`${probe} probe`)
  const events = eventsOf(pod, look.events, row.status.name).filter(failing)
  const last = newestEvent(pod, look, failing, row.status.name)
  const times = events.reduce((sum, event) => sum + countOf(event), 0)
  const who = subject(pod, row)
  if (last === undefined) {
    const why = row.spec?.readinessProbe === undefined ? 'is not ready' : `has not passed its ${probe} probe`
    const hint = 'look at its log, and at path and port of the probe'
    return { fatal: 'never', hiddenFor: look.grace.notReady, sentence: `${who} runs, but ${why}`, hint }
  }
  const answer = probeAnswer(last)
  return {
    fatal: 'never',
    // The first answers of a starting server are no news.
    hiddenFor: times >= 3 ? 0 : look.grace.notReady,
    sentence: `${who} runs, but fails its ${probe} probe: ${answer}${times > 1 ? ` (${times} times)` : ''}`,
    hint: `check path and port of the ${probe}Probe, and what the application waits for`,
    detail: oneLine(last.message ?? '', 700),
  }
}
