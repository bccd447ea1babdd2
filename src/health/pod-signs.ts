import { listOf, valueAt } from '../manifests/workload.ts'
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

/** What is wrong with the pod as a whole, so that its containers need no look. */
export function podSign(pod: Pod, look: Look): Sign | undefined {
  return endedSign(pod, look) ?? unscheduledSign(pod, look) ?? nodeSign(pod) ?? gateSign(pod, look)
}

function base(pod: Pod, code: Sign['code']): Pick<Sign, 'code' | 'key' | 'depth' | 'object'> {
  return { code, key: `${code}/${idOf(pod)}`, depth: 2, object: podRef(pod) }
}

function title(pod: Pod): string {
  return `Pod/${pod.metadata.name ?? ''}`
}

/** Taken away by the cluster, not ended by itself: its controller makes another, so that it is only told. */
function endedSign(pod: Pod, look: Look): Sign | undefined {
  const { phase, reason = '', message = '' } = pod.status ?? {}
  const disrupted = conditionOf(pod, 'DisruptionTarget')
  const why = oneLine(message || disrupted?.message || reason || disrupted?.reason || 'no reason given')
  if (disrupted?.status === 'True' || reason === 'Evicted')
    return {
      ...base(pod, 'evicted'),
      fatal: 'never',
      sentence: `${title(pod)} was evicted: ${why}`,
      hint: 'its controller makes another; if it happens again, look at the node and the requests of the pod',
    }
  // A failed pod of a Job is the Job's business and shows by its containers.
  if (phase !== 'Failed' || look.ofJob) return undefined
  return {
    ...base(pod, 'pod-failed'),
    fatal: 'never',
    sentence: `${title(pod)} was refused or ended by its node: ${why}`,
    hint: 'its controller makes another; if it happens again, look at the node',
  }
}

function unscheduledSign(pod: Pod, look: Look): Sign | undefined {
  const scheduled = conditionOf(pod, 'PodScheduled')
  if (scheduled?.status === 'True' || pod.spec.nodeName !== undefined) return undefined
  const message = oneLine(scheduled?.message ?? '')
  const common = base(pod, 'unschedulable')
  switch (scheduled?.reason) {
    case 'Unschedulable':
      return { ...common, ...noRoom(pod, message, look), ...(message === '' ? {} : { detail: message }) }
    case 'SchedulingGated':
      return {
        ...common,
        fatal: 'never',
        sentence: `${title(pod)} is held back by its scheduling gates (${gatesOf(pod)})`,
        hint: 'what removes the gate must act, or the gate must go from the template',
      }
    default:
      return {
        ...common,
        fatal: 'never',
        hiddenFor: look.grace.starting,
        sentence: `${title(pod)} has no node yet${message === '' ? '' : `: ${message}`}`,
        hint: 'check that a scheduler runs, and schedulerName in the template',
      }
  }
}

function noRoom(pod: Pod, message: string, look: Look): Pick<Sign, 'fatal' | 'grace' | 'sentence' | 'hint'> {
  const why = message.replace(/\.? (no new claims to deallocate|preemption:).*$/, '')
  const growing = newestEvent(pod, look, ({ reason }) => reason === 'TriggeredScaleUp') !== undefined
  if (growing)
    return {
      fatal: 'never',
      sentence: `${title(pod)} waits for a new node (${why})`,
      hint: 'the cluster autoscaler is adding one',
    }
  return {
    fatal: 'after-grace',
    grace: look.grace.unschedulable,
    sentence: `${title(pod)} fits on no node: ${why || 'the scheduler gives no reason'}`,
    hint: 'lower its requests, add nodes, or correct nodeSelector, affinity and tolerations',
  }
}

function gatesOf(pod: Pod): string {
  const names = listOf(pod.spec.schedulingGates).map((gate) => valueAt(gate, ['name']))
  return names.filter((name) => typeof name === 'string').join(', ') || 'unknown'
}

function nodeSign(pod: Pod): Sign | undefined {
  const ready = conditionOf(pod, 'Ready')
  const lost = pod.status?.phase === 'Unknown' || ready?.status === 'Unknown' || ready?.reason === 'NodeLost'
  if (!lost) return undefined
  return {
    ...base(pod, 'node'),
    fatal: 'never',
    sentence: `${title(pod)} is on a node that does not answer (${pod.spec.nodeName ?? 'unknown'})`,
    hint: 'look at the node; its pods are replaced when it stays away',
  }
}

/** All containers are ready, yet something outside has to say so as well: a load balancer, most often. */
function gateSign(pod: Pod, look: Look): Sign | undefined {
  const ready = conditionOf(pod, 'Ready')
  if (ready?.reason !== 'ReadinessGatesNotReady') return undefined
  return {
    ...base(pod, 'readiness'),
    fatal: 'never',
    hiddenFor: look.grace.notReady,
    sentence: `${title(pod)} waits for its readiness gates: ${oneLine(ready.message ?? '')}`,
    hint: 'look at the health check of the load balancer that sets the gate',
  }
}

/** A container that waits to be made, or runs without being ready. */
export function waitingSign(pod: Pod, row: ContainerRow, look: Look): Sign | undefined {
  const { state = {}, ready, started, name } = row.status
  const { reason = '', message = '' } = state.waiting ?? {}
  const at = (code: Sign['code']) => ({
    code,
    key: `${code}/${idOf(pod)}/${name}`,
    depth: 1 as const,
    object: podRef(pod),
    container: name,
    ...(message === '' ? {} : { detail: oneLine(`${reason}: ${message}`, 700) }),
  })
  if (reason === 'CreateContainerConfigError')
    return { ...at('missing-config'), ...configSign(pod, row, message, look) }
  if (CREATE_ERRORS.has(reason)) {
    const grace = isWrongCommand(message) ? look.grace.imagePull : look.grace.createContainer
    const sentence = `${subject(pod, row)} cannot be started: ${oneLine(message) || reason}`
    const hint = 'check command, args, volumes and lifecycle hooks of the container'
    return { ...at('create-container'), fatal: 'after-grace', grace, sentence, hint }
  }
  if (state.waiting !== undefined) return { ...at('starting'), ...startingSign(pod, row, reason, look) }
  if (state.running === undefined || ready === true) return undefined
  if (row.role === 'init') {
    const sentence = `${subject(pod, row)} still runs, and the others wait for it`
    return {
      ...at('init'),
      fatal: 'never',
      hiddenFor: look.grace.starting,
      sentence,
      hint: 'look at what it waits for',
    }
  }
  const probe = started === false && row.spec?.startupProbe !== undefined ? 'startup' : 'readiness'
  return { ...at(probe), ...unreadySign(pod, row, probe, look) }
}

const CREATE_ERRORS = new Set([
  'CreateContainerError',
  'RunContainerError',
  'PreCreateHookError',
  'PreStartHookError',
  'PostStartHookError',
])

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
  const sentence = `${subject(pod, row)} has not started yet (${reason || 'no reason given'})`
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
