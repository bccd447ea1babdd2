import { isServing, isTerminating } from '../health/pods.ts'
import { COLOR } from '../strategies/color.ts'
import { pinOf } from '../strategies/services.ts'
import { otherPods, sideOf, type WorkloadView } from '../strategies/view.ts'
import type { Engine } from './engine.ts'

/** How users are where a run ends, from the pods as they were last seen; for people. */

/** After the way back: who is served by what. */
export function backText(engine: Engine): string {
  const { gone } = engine.routes
  const lost =
    gone.length === 0 ? '' : `, but ${gone.join(', ')} is gone: nobody comes that way until it is applied again`
  const ending = engine.workloads.flatMap((workload) => endingIn(engine.view(workload))).length
  const away =
    ending === 0
      ? 'the new pods are removed'
      : `${plural(ending, 'new pod')} ${ending === 1 ? 'is' : 'are'} still ending, and ${ending === 1 ? 'gets' : 'get'} no requests`
  return `rolled back: users are on the version before, ${away}${lost}`
}

function endingIn(view: WorkloadView): unknown[] {
  const { hash } = sideOf(view, 'stable')
  return [...view.pods, ...(view.separate?.pods ?? [])].filter(
    (pod) => isTerminating(pod) && pod.metadata.labels?.['pod-template-hash'] !== hash,
  )
}

/** What a rollout that rests in the middle does for users. */
export function restingSentence(engine: Engine): string {
  if (engine.workloads.length === 0) return 'nothing was deleted; it rests as it is'
  if (engine.o.book.record.downSince !== undefined)
    return 'it rests DOWN, with no pods: nothing serves until it is deployed again or aborted'
  const silent = engine.workloads.filter((workload) => readyIn(engine.view(workload)) === 0)
  if (silent.length === 0) return 'it rests where it is, locked; users are served'
  const names = silent.map(({ name }) => `Deployment/${name}`).join(', ')
  return `it rests where it is, locked; no pod of ${names} is ready, so nothing of it serves until it is deployed again or aborted`
}

function readyIn(view: WorkloadView): number {
  const others = otherPods(view).filter((pod) => isServing(pod, 0, view.now))
  return sideOf(view, 'stable').serving + sideOf(view, 'next').serving + others.length
}

/** Which pods are ready, of every workload, and whether users are still on the new ones. */
export function countSentence(engine: Engine): string {
  const { workloads } = engine
  return workloads
    .map((workload) => {
      const whose = workloads.length === 1 ? '' : `Deployment/${workload.name}: `
      return `${whose}${counted(engine.view(workload))}`
    })
    .join('; ')
}

function counted(view: WorkloadView): string {
  if (readyIn(view) === 0) return 'no pod is ready, so nothing serves'
  const [old, fresh] = [sideOf(view, 'stable').serving, sideOf(view, 'next').serving]
  const where = view.services.some((service) => isOnNew(view, service)) ? ', users are still on the new version' : ''
  return `${plural(old, 'old pod')} and ${plural(fresh, 'new pod')} are ready${where}`
}

function isOnNew(view: WorkloadView, service: WorkloadView['services'][number]): boolean {
  const { separate } = view
  if (separate !== undefined) return service.live?.spec.selector?.[COLOR] === separate.color
  const pin = pinOf(service)
  return pin !== undefined && pin === sideOf(view, 'next').hash
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
