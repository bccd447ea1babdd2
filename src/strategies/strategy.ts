import { templateEquals } from '../manifests/workload.ts'
import { backMove, finishMove, previewStep, switchStep } from './blue-green.ts'
import { canaryMove, restMove } from './canary.ts'
import { isHeld, isLocked, writeDeployment } from './hold.ts'
import { wholeMove } from './in-place.ts'
import { done, type Move, wait } from './move.ts'
import { surgeFor } from './pods.ts'
import { downMove, returnMove, upMove } from './recreate.ts'
import { separateBack, separateFinish, separatePreview, separateSwitch } from './separate.ts'
import type { Step, Strategy } from './step.ts'
import { replicasOf, type Share, sideOf, withoutEnding, type WorkloadView } from './view.ts'
import { weightedFinish, weightedStep } from './weighted.ts'

/**
 * What a rollout wants of its workloads at one moment:
 * - `step`: the state in which the given step is taken (a check looks at the state that the steps before it made)
 * - `finish`: only the new version, everything as the release has it
 * - `back`: only the old version, everything as it was; with `leaveEnding` as far as users are concerned, so that pods
 *   that are on their way out, and get no requests any more, are left to end by themselves
 */
export type Goal = { kind: 'step'; steps: Step[]; index: number } | { kind: 'finish' } | Back
type Back = { kind: 'back'; leaveEnding?: boolean }

/** The next move of one workload towards a goal. The only place that knows which strategy does what. */
export function nextMove(strategy: Strategy, seen: WorkloadView, goal: Goal): Move {
  // Recreate is for two versions that must never run at once: there a pod that is ending counts.
  const left = goal.kind === 'back' && goal.leaveEnding === true && strategy !== 'recreate'
  const view = left ? withoutEnding(seen) : seen
  switch (strategy) {
    case 'rolling':
      return goal.kind === 'back' ? wholeMove(view, 'stable') : goal.kind === 'finish' ? wholeMove(view, 'next') : done
    case 'recreate':
      if (goal.kind === 'step') return downMove(view)
      return goal.kind === 'finish' ? finishRecreate(view) : returnMove(view)
    case 'canary':
      if (view.routing !== undefined) return weightedMove(view, goal)
      if (goal.kind === 'step') return canaryStep(view, goal)
      return wholeMove(view, goal.kind === 'finish' ? 'next' : 'stable')
    case 'blue-green':
      if (view.separate !== undefined) return separateMove(view, goal)
      if (goal.kind === 'step') return blueGreenStep(view, goal)
      return goal.kind === 'finish' ? finishMove(view) : backMove(view)
  }
}

/** Down first, unless that has happened: then the template is the new one and no old pod is left. */
function finishRecreate(view: WorkloadView): Move {
  const { deployment, versions } = view
  const old = sideOf(view, 'stable')
  const isNew = deployment !== undefined && templateEquals(deployment.spec.template, versions.next)
  const left = old.pods.length + old.terminating.length > 0
  return isNew && !left ? upMove(view, 'next') : downMove(view)
}

function weightedMove(view: WorkloadView, goal: Goal): Move {
  switch (goal.kind) {
    case 'step': {
      const share = shareAt(goal.steps, goal.index)
      return share === undefined ? done : (withoutPods(view) ?? weightedStep(view, share))
    }
    case 'finish':
      return weightedFinish(view)
    case 'back':
      return backMove(view)
  }
}

/** The share in force at a step; undefined before the first weight or mirror. A weight ends a mirror before it. */
export function shareAt(steps: readonly Step[], index: number): Share | undefined {
  return steps.slice(0, index + 1).reduce<Share | undefined>((share, step) => {
    if (step.kind === 'weight') return { percent: step.percent, mirror: 0 }
    return step.kind === 'mirror' ? { percent: share?.percent ?? 0, mirror: step.percent } : share
  }, undefined)
}

/** The weight in force at a step: that of the last `N%` up to it; none before the first. */
export function weightAt(steps: readonly Step[], index: number): number {
  return steps.slice(0, index + 1).reduce((weight, step) => (step.kind === 'weight' ? step.percent : weight), 0)
}

function canaryStep(view: WorkloadView, { steps, index }: Goal & { kind: 'step' }): Move {
  const weight = weightAt(steps, index)
  return weight === 0 ? done : (withoutPods(view) ?? canaryMove(view, weight))
}

/** Somebody scaled it to nothing: there is no share to move and nobody to ask. */
function withoutPods({ deployment }: WorkloadView): Move | undefined {
  return deployment !== undefined && replicasOf(deployment) === 0 ? wait('pods: it was scaled to 0') : undefined
}

function blueGreenStep(view: WorkloadView, goal: Goal & { kind: 'step' }): Move {
  return withoutPods(view) ?? (switchedAt(goal) ? switchStep(view) : previewStep(view))
}

/** Users are on the new version at this step. */
function switchedAt({ steps, index }: Goal & { kind: 'step' }): boolean {
  return steps.slice(0, index + 1).some((step) => step.kind === 'switch')
}

function separateMove(view: WorkloadView, goal: Goal): Move {
  switch (goal.kind) {
    case 'step':
      return switchedAt(goal) ? separateSwitch(view) : separatePreview(view)
    case 'finish':
      return separateFinish(view)
    case 'back':
      return separateBack(view)
  }
}

/** One write that makes the workload rest safely where it is, for a cancel or `on-failure: stop`; undefined when it does. */
export function stopMove(strategy: Strategy, view: WorkloadView): Move | undefined {
  const { deployment } = view
  // The separate form rests everywhere: the Services alone decide who serves. So does a workload that is down.
  if (deployment === undefined || strategy === 'recreate' || view.separate !== undefined) return undefined
  // In percent, because an autoscaler would otherwise take from the side that users are pinned to.
  const pinned = strategy === 'blue-green' || view.routing !== undefined
  if (isHeld(deployment)) return pinned ? restMove(view, surgeFor) : restMove(view)
  // A native update is stopped by the lock alone; one that is over needs none.
  const over = wholeMove(view, 'next').kind === 'done' || wholeMove(view, 'stable').kind === 'done'
  return over || isLocked(deployment) ? undefined : writeDeployment(deployment, { paused: true }, 'lock')
}
