import { durationText } from '../shared/duration.ts'

export const STRATEGIES = ['rolling', 'recreate', 'blue-green', 'canary'] as const
export type Strategy = (typeof STRATEGIES)[number]

/** One planned move. The finish (all pods new, originals back) is implied and never written. */
export type Step =
  /** 0 only with a router: the new version stands ready, and only who is matched sees it */
  | { kind: 'weight'; percent: number }
  /** copies of so many percent of the requests to the new version, until the next weight or mirror step */
  | { kind: 'mirror'; percent: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'check'; names: string[] }
  | { kind: 'job'; names: string[] }
  /** requests to the new pods until they answer as fast as the old ones */
  | { kind: 'warm-up' }
  | { kind: 'approve' }
  | { kind: 'switch' }

/** Which kinds of step a strategy knows. Source: the step table of the documentation. */
export const ALLOWED_STEPS: Record<Strategy, readonly Step['kind'][]> = {
  rolling: [],
  recreate: ['job'],
  canary: ['weight', 'mirror', 'wait', 'check', 'job', 'warm-up', 'approve'],
  'blue-green': ['switch', 'wait', 'check', 'job', 'warm-up', 'approve'],
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
    case 'mirror':
      return `mirror ${step.percent}%`
    case 'wait':
      return `wait ${durationText(step.ms)}`
    case 'check':
    case 'job':
      return `${step.kind} ${step.names.join(' ')}`
    case 'warm-up':
    case 'approve':
    case 'switch':
      return step.kind
  }
}
