import { formatDuration } from '../shared/duration.ts'
import type { Finding } from './finding.ts'

/** Who holds the lease, and for how many milliseconds it will still be believed. */
export interface LeaseHolder {
  app: string
  namespace: string
  /** repository, run and attempt */
  holder: string
  expiresInMs: number
}

/** Another run acts on this app. */
export function leaseFinding({ app, namespace, holder, expiresInMs }: LeaseHolder): Finding {
  return {
    id: 'lease',
    severity: 'error',
    object: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: `headgate-${app}`, namespace },
    reason: `another run acts on ${app}: ${holder || 'nameless'} (if it is dead, its lease ends in ${formatDuration(expiresInMs)})`,
    mend: 'wait until it is done, or ask it to stop with the command abort',
  }
}
