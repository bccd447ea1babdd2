/** How many API requests a command costs: everything in the audit log but watches, renewals of the lease and polls. */
import { describe, expect, test } from 'vitest'
import type { AuditedRequest } from '../audit.ts'
import type { Inputs } from './runner.ts'
import { onStage, type Stage } from './stage.ts'
import { ownCluster } from './world.ts'

const ROUTES = /\/apis\/(gateway\.networking\.k8s\.io|networking\.istio\.io|traefik\.io)\//

/** The lease is taken and given back; what is written in between renews it, by the clock. */
function withoutRenewals(requests: readonly AuditedRequest[]): AuditedRequest[] {
  const leaseWrites = requests.filter(({ resource, verb }) => resource === 'leases' && verb !== 'get')
  const renewals = new Set(leaseWrites.slice(1, -1))
  return requests.filter((request) => !renewals.has(request))
}

function list(requests: readonly AuditedRequest[]): string {
  return requests.map(({ verb, uri, status }) => `${verb} ${uri} ${status}`).join('\n')
}

async function requestsOf(stage: Stage, inputs: Inputs, outcome: string): Promise<AuditedRequest[]> {
  const { audit } = stage.world.cluster
  const mark = audit.mark()
  const result = await stage.action(inputs)
  expect(result.outputs['outcome'], result.log).toBe(outcome)
  const all = withoutRenewals(audit.since(mark, { userAgent: 'headgate/', leases: true }))
  // The update checker asks by the clock, as often as the rollout lasts seconds.
  const requests = all.filter(({ uri }) => !uri.includes('/proxy/'))
  stage.tell(`${inputs['command'] ?? 'deploy'}: ${requests.length} requests, ${all.length - requests.length} polls`)
  return requests
}

// One after the other: requests for no namespace could be anybody's.
describe.runIf(ownCluster)('the API requests of', () => {
  test('a canary, 50% and an approval, over 3 replicas', () =>
    onStage('requests of a canary', {}, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      stage.checkout('0.2.0')
      const deploy = await requestsOf(stage, { strategy: 'canary', steps: '50%, approve' }, 'paused')
      const promote = await requestsOf(stage, { command: 'promote' }, 'succeeded')
      // Other scenarios may have brought definitions of routers; a kind of route that is served costs one list more.
      const looks = deploy.filter(({ verb, uri }) => verb === 'list' && ROUTES.test(uri))
      expect(new Set(looks.map(({ uri }) => uri)).size, list(looks)).toBe(looks.length)
      expect(deploy.length).toBeGreaterThan(5)
      expect(deploy.length - looks.length, list(deploy)).toBeLessThanOrEqual(24)
      expect(promote.length, list(promote)).toBeLessThanOrEqual(16)
    }))

  test('blue/green, deploy and promote', () =>
    onStage('requests of blue/green', {}, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      stage.checkout('0.2.0')
      const deploy = await requestsOf(stage, { strategy: 'blue-green', steps: 'switch, approve' }, 'paused')
      const promote = await requestsOf(stage, { command: 'promote' }, 'succeeded')
      const both = [...deploy, ...promote]
      expect(both.length).toBeGreaterThan(10)
      expect(both.length, list(both)).toBeLessThanOrEqual(46)
    }))

  test('a first deploy, and one that changes nothing', () =>
    onStage('requests of a first deploy', {}, async (stage) => {
      stage.checkout('0.1.0')
      await requestsOf(stage, {}, 'succeeded')
      const { audit } = stage.world.cluster
      const mark = audit.mark()
      await requestsOf(stage, {}, 'unchanged')
      const writes = audit
        .since(mark, { userAgent: 'headgate/' })
        .filter(({ verb, uri }) => verb !== 'get' && verb !== 'list' && !uri.includes('dryRun=All'))
        .filter(({ resource }) => !resource.startsWith('selfsubject'))
      expect(list(writes)).toBe('')
    }))
})
