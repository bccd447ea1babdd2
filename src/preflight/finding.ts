import type { Place } from '../shared/errors.ts'
import type { ObjectRef } from '../shared/objects.ts'

/** One thing that preflight saw. An `error` that is not accepted by name refuses the rollout before anything is touched. */
export interface Finding {
  /** stable id, e.g. `replicas-one`; the word for `accept:` */
  id: string
  severity: 'error' | 'warning' | 'info'
  object?: ObjectRef
  place?: Place
  /** one sentence: what is and why it matters */
  reason: string
  /** one sentence: what would be right */
  mend: string
  /** an error that `accept: [id]` lets pass */
  acceptable?: boolean
  /** set when the user accepted it by name */
  accepted?: boolean
}
