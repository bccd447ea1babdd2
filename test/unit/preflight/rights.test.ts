import { load, loadAll } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import { checkOf } from '../../../src/input/checks.ts'
import type { Need, NeedsInput } from '../../../src/preflight/needs.ts'
import {
  compareRights,
  neededRights,
  needText,
  rightsFindings,
  roleFor,
  type RulesReview,
} from '../../../src/preflight/rights.ts'
import { rulesOf, ruleText } from '../../../src/preflight/role.ts'
import { container, deployment, object, service } from './release.ts'

function needs(change: Partial<NeedsInput> = {}): Need[] {
  return neededRights({
    commands: ['deploy'],
    app: 'web',
    namespace: 'shop',
    strategy: 'canary',
    pods: 'in-place',
    prune: false,
    objects: [deployment(), service()],
    ...change,
  })
}

function texts(change: Partial<NeedsInput> = {}): string[] {
  return needs(change).map(needText)
}

describe('needed rights', () => {
  it('only read for status', () => {
    const all = needs({ commands: ['status'] })
    expect(new Set(all.map(({ verb }) => verb))).toEqual(new Set(['get', 'list', 'watch']))
    const lease = { verb: 'get', name: 'headgate-web', optional: true }
    expect(all.filter(({ resource }) => resource === 'leases')).toMatchObject([lease])
  })

  it('try, but neither lock nor record, for plan', () => {
    const all = texts({ commands: ['plan'] })
    expect(all).toContain('patch deployments.apps web in namespace shop')
    expect(all).toContain('create services in namespace shop')
    expect(all.filter((text) => /(watch|create|patch|delete) (leases|configmaps)/.test(text))).toEqual([])
  })

  it('the update checker can do without its right, a check cannot', () => {
    const proxies = (change: Partial<NeedsInput>): unknown =>
      needs({ polls: true, ...change }).filter(
        ({ resource, subresource }) => resource === 'services' && subresource === 'proxy',
      )
    const need = { verb: 'get', group: '', resource: 'services', subresource: 'proxy', namespace: 'shop' }
    expect(proxies({})).toEqual([{ ...need, optional: true }])
    expect(proxies({ steps: [{ kind: 'check', names: ['home'] }] })).toEqual([need])
    expect(proxies({ commands: ['plan'] })).toEqual([])
  })

  it('look for what pods name and the release does not bring, by name, and need not be there', () => {
    const naming = deployment({
      metadata: { namespace: null },
      spec: {
        template: {
          spec: {
            serviceAccountName: 'runner',
            imagePullSecrets: [{ name: 'reg' }],
            containers: [container({ envFrom: [{ secretRef: { name: 'db' } }, { configMapRef: { name: 'own' } }] })],
            volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
          },
        },
      },
    })
    const all = needs({ objects: [naming, service(), object('v1', 'ConfigMap', 'own')] })
    const named = all.filter(({ verb, name, optional }) => verb === 'get' && name !== undefined && optional === true)
    expect(named.map(needText)).toEqual([
      'get secrets db in namespace shop',
      'get persistentvolumeclaims data in namespace shop',
      'get secrets reg in namespace shop',
      'get serviceaccounts runner in namespace shop',
    ])
  })

  it.each<[string, object, boolean]>([
    ['leaves limits out', { requests: { cpu: '1', memory: '1Mi' } }, true],
    ['names everything', { limits: { cpu: '1', memory: '1Mi' } }, false],
  ])('list LimitRanges only where a container %s', (_, resources, listed) => {
    const app = { ...container({ resources: null }), resources: { ...resources } }
    const objects = [deployment({ spec: { template: { spec: { containers: [app] } } } }), service()]
    expect(texts({ objects }).includes('list limitranges in namespace shop')).toBe(listed)
    expect(texts({ objects, commands: ['status'] })).not.toContain('list limitranges in namespace shop')
  })

  it('lock, record and move for deploy', () => {
    expect(texts()).toEqual(
      expect.arrayContaining([
        'patch leases.coordination.k8s.io headgate-web in namespace shop',
        'create leases.coordination.k8s.io in namespace shop',
        'create configmaps in namespace shop',
        'watch pods in namespace shop',
        'get pods/log in namespace shop',
        'patch deployments.apps web in namespace shop',
        'patch services web in namespace shop',
        'list horizontalpodautoscalers.autoscaling in namespace shop',
      ]),
    )
    expect(
      texts().filter((text) =>
        /secrets|replicasets.*patch|patch replicasets|proxy|jobs|delete (services|deployments)/.test(text),
      ),
    ).toEqual([])
  })

  it.each<[string, Partial<NeedsInput>, string[]]>([
    [
      'a Secret',
      { objects: [object('v1', 'Secret', 'x')] },
      ['patch secrets in namespace shop', 'delete secrets in namespace shop'],
    ],
    [
      'blue-green',
      { strategy: 'blue-green' },
      ['patch replicasets.apps in namespace shop', 'delete services in namespace shop'],
    ],
    [
      'two colors',
      { strategy: 'blue-green', pods: 'separate', objects: [deployment({ metadata: { name: 'web-green' } })] },
      ['patch deployments.apps web-blue in namespace shop', 'delete deployments.apps web in namespace shop'],
    ],
    [
      'two colors, no namespace named',
      { strategy: 'blue-green', pods: 'separate', objects: [{ ...deployment(), metadata: { name: 'web' } }] },
      ['patch deployments.apps web-blue in namespace shop', 'patch deployments.apps web-green in namespace shop'],
    ],
    ['prune', { prune: true }, ['delete deployments.apps in namespace shop', 'delete services in namespace shop']],
    [
      'checks',
      { steps: [{ kind: 'check', names: ['home'] }] },
      ['get pods/proxy in namespace shop', 'get services/proxy in namespace shop'],
    ],
    [
      'a Prometheus of the cluster',
      {
        steps: [{ kind: 'check', names: ['rate'] }],
        checks: {
          rate: checkOf('rate', { prometheus: { service: 'monitoring/prometheus:9090', query: 'x', max: 1 } }),
        },
      },
      ['get services/proxy prometheus:9090 in namespace monitoring'],
    ],
    ['the update checker', { polls: true }, ['get services/proxy in namespace shop']],
    [
      'the update checker of a recreate',
      { polls: true, strategy: 'recreate' },
      ['get services/proxy in namespace shop', 'get pods/proxy in namespace shop'],
    ],
    [
      'jobs',
      { steps: [{ kind: 'job', names: ['migrate'] }] },
      ['create jobs.batch in namespace shop', 'delete jobs.batch in namespace shop'],
    ],
    [
      'two namespaces',
      { objects: [deployment({ metadata: { namespace: 'other' } })] },
      [
        'watch pods in namespace other',
        'watch pods in namespace shop',
        'patch deployments.apps web in namespace other',
      ],
    ],
    [
      'no namespace named',
      { objects: [{ ...deployment(), metadata: { name: 'web' } }] },
      ['patch deployments.apps web in namespace shop'],
    ],
    [
      'the cluster',
      { objects: [object('v1', 'Namespace', 'shop', { metadata: { namespace: null } })] },
      ['create namespaces in the whole cluster', 'patch namespaces shop in the whole cluster'],
    ],
    [
      'plurals',
      {
        objects: [
          object('networking.k8s.io/v1', 'Ingress', 'i'),
          object('networking.k8s.io/v1', 'NetworkPolicy', 'n'),
          object('example.com/v1', 'Gateway', 'g'),
        ],
      },
      [
        'create ingresses.networking.k8s.io in namespace shop',
        'create networkpolicies.networking.k8s.io in namespace shop',
        'create gateways.example.com in namespace shop',
      ],
    ],
    [
      'discovery',
      {
        objects: [object('example.com/v1', 'Mouse', 'm')],
        resourceOf: () => ({ group: 'example.com', resource: 'mice', namespaced: false }),
      },
      ['patch mice.example.com m in the whole cluster'],
    ],
  ])('%s', (_, change, expected) => {
    expect(texts(change)).toEqual(expect.arrayContaining(expected))
  })

  it('each once', () => {
    const all = texts({ strategy: 'blue-green', prune: true, commands: ['deploy', 'promote', 'abort'] })
    expect(new Set(all).size).toBe(all.length)
  })
})

describe('comparison with a rules review', () => {
  const patch: Need = { verb: 'patch', group: 'apps', resource: 'deployments', name: 'web', namespace: 'shop' }
  const rule = (change: object = {}): RulesReview => ({
    resourceRules: [{ verbs: ['patch'], apiGroups: ['apps'], resources: ['deployments'], ...change }],
  })
  const logs: Need = { verb: 'get', group: '', resource: 'pods', subresource: 'log', namespace: 'shop' }
  it.each<[string, Need, RulesReview, 'granted' | 'missing' | 'ask' | 'optional']>([
    ['exactly', patch, rule(), 'granted'],
    ['by name', patch, rule({ resourceNames: ['api', 'web'] }), 'granted'],
    ['another name', patch, rule({ resourceNames: ['api'] }), 'missing'],
    [
      'a name for something nameless',
      { ...patch, verb: 'create', name: undefined } as unknown as Need,
      rule({ verbs: ['create'], resourceNames: ['web'] }),
      'missing',
    ],
    ['everything', patch, rule({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }), 'granted'],
    ['another verb', patch, rule({ verbs: ['get'] }), 'missing'],
    ['another group', patch, rule({ apiGroups: [''] }), 'missing'],
    ['another resource', patch, rule({ resources: ['deployments/scale'] }), 'missing'],
    [
      'a resource is not its subresource',
      logs,
      rule({ verbs: ['get'], apiGroups: [''], resources: ['pods'] }),
      'missing',
    ],
    ['a subresource', logs, rule({ verbs: ['get'], apiGroups: [''], resources: ['pods/log'] }), 'granted'],
    ['any subresource of that name', logs, rule({ verbs: ['get'], apiGroups: [''], resources: ['*/log'] }), 'granted'],
    ['incomplete', patch, { incomplete: true }, 'ask'],
    ['incomplete, but enough', patch, { ...rule(), incomplete: true }, 'granted'],
    ['empty', patch, {}, 'missing'],
    ['a rule without lists', patch, { resourceRules: [{ verbs: ['*'] }] }, 'missing'],
    ['optional', { ...patch, optional: true }, {}, 'optional'],
    ['optional, incomplete', { ...patch, optional: true }, { incomplete: true }, 'optional'],
  ])('%s', (_, need, review, expected) => {
    const check = compareRights([need], new Map([['shop', review]]))
    const { missing, ask, optional } = check
    expect({
      granted: missing.length + ask.length + optional.length === 0,
      missing: missing.length === 1,
      ask: ask.length === 1,
      optional: optional.length === 1,
    }).toMatchObject({ [expected]: true })
  })

  it('asks where there is no review, and finds the cluster under its own key', () => {
    expect(compareRights([patch], new Map()).ask).toEqual([patch])
    const cluster: Need = { verb: 'get', group: '', resource: 'namespaces', name: 'shop' }
    expect(compareRights([cluster], new Map([['', {}]])).missing).toEqual([cluster])
  })
})

describe('the finding', () => {
  it('lists what is missing and the rule to add', () => {
    const missing: Need[] = [
      { verb: 'patch', group: 'apps', resource: 'deployments', name: 'web', namespace: 'shop' },
      { verb: 'get', group: 'apps', resource: 'deployments', name: 'web', namespace: 'shop' },
      { verb: 'get', group: '', resource: 'namespaces' },
    ]
    expect(rightsFindings(missing)).toEqual([
      {
        id: 'rights',
        severity: 'error',
        reason:
          'the credentials lack 3 rights: patch deployments.apps web in namespace shop; get deployments.apps web in namespace shop; get namespaces in the whole cluster',
        mend: 'add to their Role in namespace shop: {apiGroups: [apps], resources: [deployments], resourceNames: [web], verbs: [get, patch]}; ClusterRole: {apiGroups: [""], resources: [namespaces], verbs: [get]} (the command rbac prints the whole Role)',
      },
    ])
  })

  it('is one, however many there are, and none for what is optional', () => {
    const many = Array.from(
      { length: 12 },
      (_, index): Need => ({ verb: 'get', group: '', resource: `r${index}`, namespace: 'shop' }),
    )
    expect(rightsFindings(many)[0]?.reason).toMatch(/lack 12 rights: .*; and 4 more$/)
    expect(rightsFindings(many.slice(0, 1))[0]?.reason).toBe('the credentials lack a right: get r0 in namespace shop')
    expect(rightsFindings([])).toEqual([])
    expect(rightsFindings(many.map((need) => ({ ...need, optional: true as const })))).toEqual([])
  })
})

describe('the Role', () => {
  it('holds exactly the needs', () => {
    for (const change of [{}, { strategy: 'blue-green' as const, prune: true }, { commands: ['status' as const] }]) {
      const all = needs(change)
      const roles = loadAll(roleFor(all)) as {
        metadata: { namespace?: string }
        rules: NonNullable<RulesReview['resourceRules']>
      }[]
      const reviews = new Map(roles.map(({ metadata, rules }) => [metadata.namespace ?? '', { resourceRules: rules }]))
      expect(compareRights(all, reviews)).toEqual({ missing: [], ask: [], optional: [] })
      const granted = roles.flatMap(({ rules }) =>
        rules.flatMap(({ verbs, resources = [] }) =>
          resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
        ),
      )
      const asked = new Set(
        all.map(
          ({ verb, resource, subresource }) =>
            `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`,
        ),
      )
      expect(granted.filter((right) => !asked.has(right))).toEqual([])
    }
  })

  it('is as people write it', () => {
    const at = { group: 'apps', namespace: 'shop' }
    const all: Need[] = [
      { ...at, verb: 'patch', resource: 'deployments', name: 'web' },
      { ...at, verb: 'patch', resource: 'deployments', name: 'api' },
      { ...at, verb: 'list', resource: 'deployments' },
      { ...at, verb: 'get', resource: 'deployments' },
      { ...at, verb: 'get', resource: 'deployments', name: 'web' },
      { ...at, verb: 'get', resource: 'replicasets' },
      { ...at, verb: 'list', resource: 'replicasets' },
      { verb: 'get', group: '', resource: 'pods', subresource: 'log', namespace: 'shop' },
      { verb: 'get', group: '', resource: 'namespaces', name: '7' },
    ]
    expect(roleFor(all, 'headgate-web')).toBe(
      [
        'apiVersion: rbac.authorization.k8s.io/v1',
        'kind: Role',
        'metadata:',
        '  name: headgate-web',
        '  namespace: shop',
        'rules:',
        '  - apiGroups: [""]',
        '    resources: [pods/log]',
        '    verbs: [get]',
        '  - apiGroups: [apps]',
        '    resources: [deployments, replicasets]',
        '    verbs: [get, list]',
        '  - apiGroups: [apps]',
        '    resources: [deployments]',
        '    resourceNames: [api, web]',
        '    verbs: [patch]',
        '---',
        'apiVersion: rbac.authorization.k8s.io/v1',
        'kind: ClusterRole',
        'metadata:',
        '  name: headgate-web',
        'rules:',
        '  - apiGroups: [""]',
        '    resources: [namespaces]',
        '    resourceNames: ["7"]',
        '    verbs: [get]',
        '',
      ].join('\n'),
    )
    expect(roleFor([])).toBe('')
  })

  it('goes by namespaces, and the cluster comes last', () => {
    const get = { verb: 'get', group: '', resource: 'pods' }
    const roles = rulesOf([get, { ...get, namespace: 'shop' }, { ...get, namespace: 'api' }])
    expect(roles.map(({ namespace }) => namespace)).toEqual(['api', 'shop', undefined])
  })

  it('has rules on one line too, which YAML reads', () => {
    const [role] = rulesOf([{ verb: 'get', group: '', resource: 'pods', subresource: 'log', name: 'yes' }])
    const [rule] = role?.rules ?? []
    expect(rule === undefined ? '' : load(ruleText(rule))).toEqual({
      apiGroups: [''],
      resources: ['pods/log'],
      resourceNames: ['yes'],
      verbs: ['get'],
    })
  })
})
