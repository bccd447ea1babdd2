import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { undoCommand, undoScript } from '../../../src/rollout/by-hand.ts'
import type { Payload } from '../../../src/rollout/codec.ts'
import type { RolloutRecord, TrafficRecord, WorkloadRecord } from '../../../src/rollout/record.ts'
import type { Deployment } from '../../../src/shared/objects.ts'
import type { Versions } from '../../../src/strategies/view.ts'
import { record } from '../report/views.ts'
import { deploymentOf, FIELDS, NEW, OLD, template } from '../strategies/views.ts'

const workload: WorkloadRecord = {
  namespace: 'shop',
  name: 'web',
  mode: 'steps',
  stableHash: 'old1',
  newHash: 'new2',
  replicas: 3,
  pairs: [],
  stableVersion: '1',
  newVersion: '2',
}
const ports = [{ port: 80 }]
const service = { namespace: 'shop', name: 'web', selector: { app: 'web' }, ports, workload: 'web' }
const rollout = (change: Partial<RolloutRecord>): RolloutRecord =>
  record({ workloads: [workload], services: [service], steps: ['switch', 'approve'], step: 1, ...change })

function payload(change: Partial<Versions> = {}, objects: Deployment[] = [deploymentOf()]): Payload {
  const versions: Versions = {
    stable: OLD,
    next: NEW,
    stableFields: FIELDS,
    nextFields: FIELDS,
    stableType: 'RollingUpdate',
    nextType: 'RollingUpdate',
    namesMinReady: false,
    ...change,
  }
  return { version: 1, rollout: 7, digest: 'd', objects, versions: { 'shop/web': versions }, before: {}, jobs: [] }
}

/** What the shell would run, one call of kubectl a line; every waiting and asking is answered with success. */
function run(script: string, answers = ''): { calls: string[]; status: number | null } {
  const fake = `kubectl() { printf '%s|' kubectl "$@" | tr '\\n' ' ' >&2; echo >&2; ${answers} return 0; }; sleep() { echo "sleep $1" >&2; }\n`
  const { stderr, status } = spawnSync('bash', ['-c', `${fake}${script}`], { encoding: 'utf8' })
  return { calls: stderr.trim().split('\n'), status }
}

/** The calls in short: verb, object, and what a patch writes. */
function told(script: string): string[] {
  return run(script).calls.map((line) => {
    if (!line.startsWith('kubectl|')) return line
    const [, , namespace = '', verb = '', ...rest] = line.split('|')
    if (verb !== 'patch') return [namespace, verb, ...rest].join(' ').trim()
    const operations = JSON.parse(rest[4] ?? '') as { path: string; value: unknown }[] | object
    if (!Array.isArray(operations)) return [namespace, verb, ...rest].join(' ').trim()
    return `${namespace} patch ${rest[0]} ${rest[1]} ${operations.map(({ path, value }) => `${path}=${JSON.stringify(value)}`).join(' ')}`
  })
}

const STABLE = [
  `/spec/template=${JSON.stringify(OLD)}`,
  '/spec/minReadySeconds=0',
  '/spec/progressDeadlineSeconds=600',
  '/spec/strategy={"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}}',
  '/spec/paused=false',
].join(' ')
const FREED = `shop patch replicaset web-old1 --type=merge -p {"spec":{"template":{"metadata":{"annotations":{"headgate.dev/rollout":null}}}}}`
const CLEAN = 'shop annotate deployment web headgate.dev/originals- headgate.dev/rollout-'

describe('the way back by hand', () => {
  it('canary: the old template with its own values, then nothing of Headgate is left on it', () => {
    expect(told(undoScript(rollout({ strategy: 'canary' }), payload()))).toEqual([
      `shop patch deployment web ${STABLE}`,
      'shop rollout status deployment web',
      CLEAN,
    ])
  })

  it('blue/green: users first, then the pods, then the pin', () => {
    expect(told(undoScript(rollout({ strategy: 'blue-green' }), payload()))).toEqual([
      'shop patch service web /spec/selector={"app":"web","pod-template-hash":"old1"}',
      'sleep 3',
      FREED,
      `shop patch deployment web ${STABLE}`,
      'shop rollout status deployment web',
      'shop patch service web /spec/selector={"app":"web"}',
      CLEAN,
    ])
  })

  it('canary through a router: the route before the pods, and what was made for the new version', () => {
    const ref = { group: '', kind: 'Service', name: 'web', port: 80, weight: 1 }
    const route = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'shop', namespace: 'shop', annotations: { owner: 'team' } },
      spec: { rules: [{ backendRefs: [ref] }] },
    }
    const key = 'gateway.networking.k8s.io|HTTPRoute|shop|shop'
    const traffic: TrafficRecord = {
      router: 'gateway-api',
      routes: [key],
      services: ['shop/web'],
      match: [],
      pods: 'share',
      onDrift: 'stop',
      settleMs: 4_000,
    }
    const routed = rollout({ strategy: 'canary', steps: ['25%', 'approve'], traffic })
    const given = { ...payload(), routes: { [key]: { object: route, related: [] } } }
    expect(told(undoScript(routed, given))).toEqual([
      'shop patch service web /spec/selector={"app":"web","pod-template-hash":"old1"}',
      `shop patch httproute.v1.gateway.networking.k8s.io shop /spec={"rules":[{"backendRefs":[${JSON.stringify(ref)}]}]}`,
      'shop patch httproute.v1.gateway.networking.k8s.io shop --type=merge -p {"metadata":{"annotations":{"owner":"team","headgate.dev/rollout":null,"headgate.dev/split":null},"labels":{"headgate.dev/app":null}}}',
      'sleep 4',
      FREED,
      `shop patch deployment web ${STABLE}`,
      'shop rollout status deployment web',
      'shop patch service web /spec/selector={"app":"web"}',
      'shop delete service web-canary --ignore-not-found',
      CLEAN,
    ])
    const annotated = {
      ...route,
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      spec: { rules: [{ http: { paths: [{ path: '/', backend: { service: { name: 'web' } } }] } }] },
    }
    const second = { ...given, routes: { [key]: { object: annotated, related: [] } } }
    expect(
      told(undoScript(rollout({ strategy: 'canary', traffic: { ...traffic, router: 'nginx' } }), second)),
    ).toContain('shop delete ingress.v1.networking.k8s.io shop-canary --ignore-not-found')
  })

  it('blue/green once the old set is being drained: the pin first', () => {
    expect(told(undoScript(rollout({ strategy: 'blue-green', step: 2 }), payload()))).toEqual([
      'shop patch service web /spec/selector={"app":"web"}',
      'sleep 3',
      FREED,
      `shop patch deployment web ${STABLE}`,
      'shop rollout status deployment web',
      CLEAN,
    ])
  })

  it('goes on where the old ReplicaSet is gone, or never was', () => {
    const script = undoScript(rollout({ strategy: 'blue-green' }), payload())
    expect(run(script, '[ "$5" != replicaset ] || return 1;').status).toBe(0)
    const { stableHash: _, ...first } = workload
    expect(undoScript(rollout({ strategy: 'blue-green', workloads: [first] }), payload())).not.toContain('replicaset')
  })

  it('two Deployments: the old one up, users to it, the new one to no pods, the pin last', () => {
    const moved = { ...workload, name: 'web-blue', stableName: 'web' }
    const separate = rollout({
      strategy: 'blue-green',
      pods: 'separate',
      workloads: [moved],
      services: [{ ...service, workload: 'web-blue' }],
    })
    expect(told(undoScript(separate, payload()))).toEqual([
      'shop patch deployment web /spec/paused=false /spec/replicas=3',
      'shop rollout status deployment web',
      'shop patch service web /spec/selector={"app":"web","pod-template-hash":"old1"}',
      'sleep 3',
      'shop scale deployment web-blue --replicas=0',
      'shop patch service web /spec/selector={"app":"web"}',
    ])
  })

  it('two Deployments in colors: the color is enough', () => {
    const moved = { ...workload, name: 'web-green', stableName: 'web-blue' }
    const selector = { app: 'web', color: 'blue' }
    const services = [{ ...service, selector, workload: 'web-green' }]
    const script = undoScript(
      rollout({ strategy: 'blue-green', pods: 'separate', workloads: [moved], services }),
      payload(),
    )
    expect(script).not.toContain('pod-template-hash')
    expect(script).toContain('"color":"blue"')
  })

  it('recreate: every pod gone before the first old one starts', () => {
    expect(told(undoScript(rollout({ strategy: 'recreate' }), payload()))).toEqual([
      'shop scale deployment web --replicas=0',
      'shop wait --for=delete pod -l app=web --timeout=10m',
      `shop patch deployment web ${STABLE} /spec/replicas=3`,
      'shop rollout status deployment web',
      CLEAN,
    ])
  })

  it('recreate: goes on where no pod was left to wait for, and stops where one does not go', () => {
    const script = undoScript(rollout({ strategy: 'recreate' }), payload())
    expect(run(script, '[ "$3" != wait ] || return 1;').status).toBe(0)
    const stuck = run(script, '[ "$3" != wait ] || return 1; [ "$3" != get ] || echo pod/web-1;')
    expect(stuck.status).toBe(1)
    expect(stuck.calls.join('\n')).not.toContain('patch')
  })

  it('recreate without labels to wait by still goes down first', () => {
    const bare = deploymentOf()
    bare.spec.selector = { matchExpressions: [{ key: 'app', operator: 'Exists' }] }
    for (const objects of [[bare], []])
      expect(told(undoScript(rollout({ strategy: 'recreate' }), payload({}, objects))).slice(0, 2)).toEqual([
        'shop scale deployment web --replicas=0',
        `shop patch deployment web ${STABLE} /spec/replicas=3`,
      ])
  })

  it('gives a Recreate its type back', () => {
    const script = undoScript(rollout({ strategy: 'rolling' }), payload({ stableType: 'Recreate' }))
    expect(script).toContain('"path":"/spec/strategy","value":{"type":"Recreate"}')
  })

  it('touches no workload that went without steps, nor one whose versions are not known', () => {
    const plain = { ...workload, name: 'worker', mode: 'plain' as const }
    const unknown = { ...workload, name: 'ghost' }
    const script = undoScript(rollout({ strategy: 'canary', workloads: [plain, unknown, workload] }), payload())
    expect(script).not.toContain('worker')
    expect(script).not.toContain('patch deployment ghost')
  })

  it.each(['canary', 'blue-green', 'recreate', 'rolling'] as const)(
    'is a script that a shell reads (%s), whatever the template holds',
    (strategy) => {
      const nasty = template('web:1')
      nasty.spec.containers[0] = { name: 'main', env: [{ name: 'A', value: 'it\'s "$(touch x)" `y` \\ \ndone' }] }
      const script = undoScript(rollout({ strategy }), payload({ stable: nasty }))
      expect(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
      const patched = told(script).find((line) => line.startsWith('shop patch deployment'))
      expect(patched).toContain(JSON.stringify(nasty))
    },
  )

  it('stops at the first step that fails', () => {
    const { calls, status } = run(undoScript(rollout({ strategy: 'blue-green' }), payload()), 'return 1;')
    expect([calls.length, status]).toEqual([1, 1])
  })

  it('is one line to run', () => {
    expect(undoCommand(rollout({}))).toBe(
      "kubectl -n shop get configmap headgate-echo-version -o go-template='{{.data.undo}}' | sh",
    )
  })
})
