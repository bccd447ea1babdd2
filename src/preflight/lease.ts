import type { Finding } from './finding.ts'

/** Who holds the lease, and for how many milliseconds it will still be believed. */
export interface LeaseHolder {
  app: string
  namespace: string
  holder: string
  expiresInMs: number
}

/** Another run acts on this app. */
export function leaseFinding(holder: LeaseHolder): Finding {
  const { app, namespace } = holder
  return {
    id: 'lease',
    severity: 'error',
    object: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: `headgate-${app}`, namespace },
    reason: `${holder.holder} acts on ${app} right now`,
    mend: 'wait until it is done, or abort it',
  }
}
