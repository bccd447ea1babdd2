import { listOf, valueAt } from '../manifests/workload.ts'
import type { Pod } from '../shared/objects.ts'
import { idOf, type Look, newestEvent, oneLine, podRef, type Sign } from './look.ts'
import { conditionOf } from './pods.ts'

/** What is wrong with the pod as a whole, so that its containers need no look. */
export function podSign(pod: Pod, look: Look): Sign | undefined {
  return endedSign(pod, look) ?? unscheduledSign(pod, look) ?? nodeSign(pod, look) ?? gateSign(pod, look)
}

function base(pod: Pod, code: Sign['code']): Pick<Sign, 'code' | 'key' | 'depth' | 'object'> {
  return { code, key: `${code}/${idOf(pod)}`, depth: 2, object: podRef(pod) }
}

function title(pod: Pod): string {
  return `Pod/${pod.metadata.name ?? ''}`
}

/** Who took a pod away, by the reason of its condition DisruptionTarget. */
const DISRUPTIONS: Record<string, { says: string; look: string }> = {
  PreemptionByScheduler: {
    says: 'evicted for a pod of higher priority',
    look: 'priorityClassName and the room on the nodes',
  },
  TerminationByKubelet: {
    says: 'ended by its node',
    look: 'the memory and disk of the node and the requests of the pod',
  },
  EvictionByEvictionAPI: {
    says: 'evicted on request',
    look: 'who drains the node, and whether a PodDisruptionBudget is there',
  },
  DeletionByTaintManager: {
    says: 'evicted by a taint of its node',
    look: 'the taints of the node and the tolerations',
  },
  DeletionByPodGC: { says: 'removed because its node is gone', look: 'the node' },
}

/** Taken away by the cluster, not ended by itself: its controller makes another, so that it is only told. */
function endedSign(pod: Pod, look: Look): Sign | undefined {
  const { phase, reason = '', message = '' } = pod.status ?? {}
  const disrupted = conditionOf(pod, 'DisruptionTarget')
  const why = oneLine(message || disrupted?.message || reason || disrupted?.reason || 'no reason given')
  if (disrupted?.status === 'True' || reason === 'Evicted') {
    const by = DISRUPTIONS[disrupted?.reason ?? '']
    return {
      ...base(pod, 'evicted'),
      fatal: 'never',
      sentence: `${title(pod)} was ${by?.says ?? 'evicted'}: ${why}`,
      hint: `its controller makes another; if it happens again, look at ${by?.look ?? 'the node and the requests of the pod'}`,
    }
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
    case 'SchedulerError':
      return {
        ...common,
        fatal: 'never',
        sentence: `${title(pod)} has no node: the scheduler met an error${message === '' ? '' : `: ${message}`}`,
        hint: 'the scheduler tries again; look at it and at what the message names if that goes on',
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
  const scaling = newestEvent(pod, look, ({ reason = '' }) => SCALING.has(reason))
  if (scaling?.reason === 'TriggeredScaleUp')
    return {
      fatal: 'never',
      sentence: `${title(pod)} waits for a new node (${why})`,
      hint: 'the cluster autoscaler is adding one',
    }
  const vain = scaling === undefined ? '' : `; the cluster autoscaler adds none: ${oneLine(scaling.message ?? '')}`
  return {
    fatal: 'after-grace',
    grace: look.grace.unschedulable,
    sentence: `${title(pod)} fits on no node: ${why || 'the scheduler gives no reason'}${vain}`,
    hint: /persistentvolumeclaim|volume/i.test(why)
      ? 'look at the claims that its volumes name: are they there, and bound where a node can reach them?'
      : 'lower its requests, add nodes, or correct nodeSelector, affinity and tolerations',
  }
}

/** What a cluster autoscaler says of a pod; the newest counts, for it may change its mind. */
const SCALING = new Set(['TriggeredScaleUp', 'NotTriggerScaleUp'])

function gatesOf(pod: Pod): string {
  const names = listOf(pod.spec.schedulingGates).map((gate) => valueAt(gate, ['name']))
  return names.filter((name) => typeof name === 'string').join(', ') || 'unknown'
}

function nodeSign(pod: Pod, look: Look): Sign | undefined {
  const ready = conditionOf(pod, 'Ready')
  if (isMarkedUnready(pod))
    return {
      ...base(pod, 'node'),
      fatal: 'never',
      hiddenFor: look.grace.notReady,
      sentence: `${title(pod)} counts as not ready although its containers are: its node is in trouble (${pod.spec.nodeName ?? 'unknown'})`,
      hint: 'look at the node; its pods are replaced when it stays away',
    }
  const lost = pod.status?.phase === 'Unknown' || ready?.status === 'Unknown' || ready?.reason === 'NodeLost'
  if (!lost) return undefined
  return {
    ...base(pod, 'node'),
    fatal: 'never',
    sentence: `${title(pod)} is on a node that does not answer (${pod.spec.nodeName ?? 'unknown'})`,
    hint: 'look at the node; its pods are replaced when it stays away',
  }
}

/** The node controller marks the pods of a node that went away; what its kubelet wrote of the containers stays. */
function isMarkedUnready(pod: Pod): boolean {
  const containers = pod.status?.containerStatuses ?? []
  const unready = conditionOf(pod, 'Ready')
  const marked = unready?.status === 'False' && ['', 'NodeNotReady'].includes(unready.reason ?? '')
  return marked && containers.length > 0 && containers.every(({ ready }) => ready === true)
}

/** All containers are ready, yet something outside has to say so as well: a load balancer, most often. */
function gateSign(pod: Pod, look: Look): Sign | undefined {
  const ready = conditionOf(pod, 'Ready')
  if (ready?.reason !== 'ReadinessGatesNotReady') return undefined
  return {
    ...base(pod, 'readiness'),
    fatal: 'never',
    hiddenFor: look.grace.notReady,
    sentence: `${title(pod)} waits for its readiness gates: ${oneLine(gateText(pod) || (ready.message ?? ''))}`,
    hint: 'look at the health check of the load balancer that sets the gate',
  }
}

/** What who sets a gate says of it, e.g. `target-health.elbv2.k8s.aws/x: Elb.InitialHealthChecking`. */
function gateText(pod: Pod): string {
  return listOf(pod.spec.readinessGates)
    .flatMap((gate) => {
      const type = valueAt(gate, ['conditionType'])
      const condition = typeof type === 'string' ? conditionOf(pod, type) : undefined
      if (condition === undefined || condition.status === 'True') return []
      const why = [condition.reason, condition.message].filter((text) => text !== undefined && text !== '').join(', ')
      return why === '' ? [] : [`${condition.type}: ${why}`]
    })
    .join('; ')
}
