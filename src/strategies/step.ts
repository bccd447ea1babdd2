import { durationText } from '../shared/duration.ts'

export const STRATEGIES = ['rolling', 'recreate', 'blue-green', 'canary'] as const
export type Strategy = (typeof STRATEGIES)[number]

/** One planned move. The finish (all pods new, originals back) is implied and never written. */
export type Step =
  | { kind: 'weight'; percent: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'check'; names: string[] }
  | { kind: 'job'; names: string[] }
  | { kind: 'approve' }
  | { kind: 'switch' }

/** Which kinds of step a strategy knows. Source: the step table of the documentation. */
export const ALLOWED_STEPS: Record<Strategy, readonly Step['kind'][]> = {
  rolling: [],
  recreate: ['job'],
  canary: ['weight', 'wait', 'check', 'job', 'approve'],
  'blue-green': ['switch', 'wait', 'check', 'job', 'approve'],
}

export const DEFAULT_STEPS: Record<Strategy, readonly Step[]> = {
  rolling: [],
  recreate: [],
  canary: [
    { kind: 'weight', percent: 25 },
    { kind: 'wait', ms: 60_000 },
    { kind: 'weight', percent: 50 },
    { kind: 'wait', ms: 60_000 },
  ],
  'blue-green': [{ kind: 'switch' }, { kind: 'wait', ms: 60_000 }],
}

/** The step as it is written in the input, e.g. `25%`, `wait 2m`, `check home-page`. */
export function stepText(step: Step): string {
  switch (step.kind) {
    case 'weight':
      return `${step.percent}%`
    case 'wait':
      return `wait ${durationText(step.ms)}`
    case 'check':
    case 'job':
      return `${step.kind} ${step.names.join(' ')}`
    case 'approve':
    case 'switch':
      return step.kind
  }
}
