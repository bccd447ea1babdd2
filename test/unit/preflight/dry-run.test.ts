import { describe, expect, it } from 'vitest'
import { dryRunRules, pathOf } from '../../../src/preflight/dry-run.ts'
import type { Finding } from '../../../src/preflight/finding.ts'
import type { DryRunResult } from '../../../src/preflight/input.ts'
import { runRules } from '../../../src/preflight/rules.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import { brief, container, deployment, found, input, object, service } from './release.ts'

/** What the API server (1.36) answers; messages as it writes them. */
function refused(status: number, message: string, more: object = {}): DryRunResult {
  return { kind: 'error', status, message, ...more }
}

function ask(result: DryRunResult, about: KubeObject = deployment(), others: KubeObject[] = []): Finding[] {
  return dryRunRules(input({ objects: [about, ...others], dryRuns: [[about, result]] }))
}

const conflict = (manager: string, field: string): object => ({
  reason: 'FieldManagerConflict',
  message: `conflict with "${manager}" using apps/v1`,
  field,
})

describe('dry run', () => {
  it.each<[string, DryRunResult, string[], RegExp | undefined]>([
    ['fine', { kind: 'ok', object: deployment() }, [], undefined],
    [
      'deprecated',
      { kind: 'ok', object: deployment(), warnings: ['x is deprecated'] },
      ['server-warning warning'],
      /warns about Deployment\/web: x is deprecated$/,
    ],
    [
      'Pod Security',
      {
        kind: 'ok',
        object: deployment(),
        warnings: ['would violate PodSecurity "restricted:latest": runAsNonRoot != true'],
      },
      ['pod-security warning'],
      /restricted:latest/,
    ],
    [
      'unknown field',
      refused(
        500,
        'failed to create typed patch object (/neu; apps/v1, Kind=Deployment): .spec.replicaz: field not declared in schema',
      ),
      ['unknown-field error'],
      /^Deployment\/web has the field \.spec\.replicaz, which/,
    ],
    [
      'two unknown fields',
      refused(
        500,
        'failed to create typed patch object: errors:\n  .spec.a: field not declared in schema\n  .spec.b: field not declared in schema',
      ),
      ['unknown-field error', 'unknown-field error'],
      undefined,
    ],
    [
      'strict decoding',
      refused(400, 'strict decoding error: unknown field "spec.replicaz"', { reason: 'BadRequest' }),
      ['unknown-field error'],
      /field \.spec\.replicaz/,
    ],
    [
      'wrong type',
      refused(
        500,
        'failed to create typed patch object (/neu; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string',
      ),
      ['invalid error'],
      /refuses \.spec\.replicas of Deployment\/web: expected numeric \(int or float\), got string$/,
    ],
    [
      'two of the wrong type beside an unknown field',
      refused(
        500,
        'failed to create typed patch object (/neu; apps/v1, Kind=Deployment): errors:\n  .spec.replicas: expected numeric (int or float), got &{x}\n  .spec.template: expected map, got &{y}\n  .spec.a: field not declared in schema',
      ),
      ['invalid error', 'invalid error', 'unknown-field error'],
      /refuses \.spec\.replicas of Deployment\/web: expected numeric \(int or float\), got &\{x\}$/,
    ],
    [
      'invalid',
      refused(422, 'invalid', {
        reason: 'Invalid',
        causes: [{ field: 'spec.template.spec.containers[0].image', message: 'Required value' }],
      }),
      ['invalid error'],
      /refuses spec\.template\.spec\.containers\[0\]\.image of Deployment\/web: Required value/,
    ],
    ['invalid without causes', refused(422, 'nope'), ['invalid error'], /refuses a field of Deployment\/web: nope/],
    ['causes without text', refused(422, 'nope', { causes: [{}] }), ['invalid error'], /refuses a field/],
    [
      'other immutable fields are not',
      refused(422, 'x', { causes: [{ field: 'spec.clusterIP', message: 'Invalid value: field is immutable' }] }),
      ['invalid error'],
      /spec\.clusterIP/,
    ],
    [
      'conflict',
      refused(409, 'Apply failed', { reason: 'Conflict', causes: [conflict('kubectl-edit', '.spec.replicas')] }),
      ['conflict error'],
      /^Deployment\/web: \.spec\.replicas is owned by kubectl-edit, with another value$/,
    ],
    [
      'two owners',
      refused(409, 'Apply failed', { causes: [conflict('a', '.x'), conflict('b', '.y'), conflict('a', '.z')] }),
      ['conflict error', 'conflict error'],
      undefined,
    ],
    [
      'conflict without a field',
      refused(409, 'x', { causes: [{ message: 'conflict with "a"' }, {}] }),
      ['conflict error'],
      /\(a field\) is owned by a/,
    ],
    [
      'stale',
      refused(409, 'the object has been modified'),
      ['dry-run error'],
      /\(HTTP 409\): the object has been modified/,
    ],
    [
      'forbidden',
      refused(
        403,
        'configmaps "c" is forbidden: User "deployer" cannot patch resource "configmaps" in API group "" in the namespace "d"',
      ),
      ['forbidden error'],
      /may not be written: configmaps "c" is forbidden/,
    ],
    ['forbidden by a policy', refused(403, 'pods "x" is forbidden: exceeded quota'), ['forbidden error'], undefined],
    [
      'no namespace',
      refused(404, 'namespaces "nowhere" not found', { reason: 'NotFound' }),
      ['no-namespace error'],
      /^namespace nowhere of Deployment\/web does not exist$/,
    ],
    [
      'no such kind',
      refused(404, '404 page not found'),
      ['unknown-kind error'],
      /does not serve Deployment of apps\/v1/,
    ],
    ['not found for another reason', refused(404, 'x not found', { reason: 'NotFound' }), ['dry-run error'], undefined],
    [
      'webhook that knows no dry run',
      refused(400, 'admission webhook "side.example.com" does not support dry run', { reason: 'BadRequest' }),
      ['not-verified info'],
      /admission webhook side\.example\.com knows no dry run/,
    ],
    [
      'webhook that is down',
      refused(
        500,
        'Internal error occurred: failed calling webhook "side.example.com": failed to call webhook: dial tcp: connection refused',
      ),
      ['webhook-down error'],
      /side\.example\.com does not answer/,
    ],
    [
      'webhook that says no',
      refused(403, 'admission webhook "policy.example.com" denied the request: images must have\n a digest'),
      ['admission error'],
      /is denied by admission webhook policy\.example\.com: images must have a digest/,
    ],
    [
      'policy that says no',
      refused(
        422,
        "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'few' with binding 'few' denied request: too many",
      ),
      ['admission error'],
      /is denied by an admission policy: too many/,
    ],
    [
      'a nameless webhook',
      refused(400, 'the webhook does not support dry run'),
      ['not-verified info'],
      /before the start: an admission webhook knows no dry run$/,
    ],
    [
      'anything else',
      refused(500, 'etcd is full'),
      ['dry-run error'],
      /refuses Deployment\/web \(HTTP 500\): etcd is full/,
    ],
  ])('%s', (_, result, expected, reason) => {
    const findings = ask(result)
    expect(brief(findings)).toEqual(expected)
    if (reason !== undefined) expect(findings[0]?.reason).toMatch(reason)
  })

  it('offers to take fields over from their owner', () => {
    const fields = Array.from({ length: 7 }, (_, index) => conflict('kubectl-edit', `.spec.f${index}`))
    expect(ask(refused(409, 'x', { causes: fields }))[0]).toMatchObject({
      reason:
        'Deployment/web: .spec.f0, .spec.f1, .spec.f2, .spec.f3, .spec.f4 and 2 more are owned by kubectl-edit, with another value',
      mend: 'leave the fields out of the manifest, or take them over by name: take-over: [kubectl-edit]',
    })
  })

  it('leaves selectors to the rule that says both sides', () => {
    const immutable = { field: 'spec.selector', message: 'Invalid value: field is immutable' }
    const mismatch = {
      field: 'spec.template.metadata.labels',
      message: 'Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    }
    const both = refused(422, 'x', { causes: [mismatch, immutable] })
    const moved = deployment({ spec: { selector: { matchLabels: { app: 'shop' } } } })
    expect(found({ objects: [moved, service()], dryRuns: [[moved, both]] })).toEqual([
      'selector-immutable error',
      'selector-template error',
    ])
  })

  it('is told of a selector that no rule looks at', () => {
    const job = object('batch/v1', 'Job', 'migrate', { spec: { selector: { matchLabels: { a: 'b' } } } })
    const causes = [{ field: 'spec.selector', message: 'Invalid value: field is immutable' }]
    const [finding, ...more] = ask(refused(422, 'x', { causes }), job)
    expect(more).toEqual([])
    expect(finding).toMatchObject({
      id: 'invalid',
      reason: 'the cluster refuses spec.selector of Job/migrate: Invalid value: field is immutable',
    })
  })

  it('speaks alone where a manifest is not of its type', () => {
    const ports = { containerPort: 8080 }
    const mapped = deployment({ spec: { template: { spec: { containers: [container({ ports })] } } } })
    const mistyped = refused(
      500,
      'failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.template.spec.containers[name="app"].ports: expected list, got &{map[containerPort:8080]}',
    )
    expect(found({ objects: [mapped, service()], dryRuns: [[mapped, mistyped]] })).toEqual(['invalid error'])
  })

  it('does not mind what the release itself brings', () => {
    const namespace = object('v1', 'Namespace', 'nowhere')
    expect(brief(ask(refused(404, 'namespaces "nowhere" not found'), deployment(), [namespace]))).toEqual([
      'not-verified info',
    ])
    const crd = object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'shops.example.com', {
      spec: { group: 'example.com', names: { kind: 'Shop' } },
    })
    const shop = object('example.com/v1', 'Shop', 's')
    expect(brief(ask(refused(404, '404 page not found'), shop, [crd]))).toEqual(['not-verified info'])
    expect(brief(ask(refused(404, '404 page not found'), object('example.com/v1', 'Other', 's'), [crd]))).toEqual([
      'unknown-kind error',
    ])
  })

  it('keeps the values of a Secret', () => {
    const secret = object('v1', 'Secret', 's')
    const causes = [{ field: 'data[key]', message: 'Invalid value: "aHVzaA": must not be' }]
    for (const result of [
      refused(422, 'x', { causes }),
      refused(400, 'Secret in version "v1" cannot be handled: illegal base64 data at input byte 4: hush'),
      refused(
        500,
        'failed to create typed patch object (shop/s; /v1, Kind=Secret): .stringData.pin: expected string, got &{hush}',
      ),
    ])
      expect(JSON.stringify(ask(result, secret))).not.toMatch(/aHVzaA|hush/)
  })

  it('points at the field', () => {
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('/') })
    const about = deployment()
    const dryRuns: [KubeObject, DryRunResult][] = [
      [
        about,
        refused(422, 'x', { causes: [{ field: 'spec.template.spec.containers[0].image', message: 'Required value' }] }),
      ],
    ]
    const [finding] = dryRunRules(input({ objects: [{ object: about, placeOf }], dryRuns }))
    expect(finding?.place).toEqual({ file: 'spec/template/spec/containers/0/image' })
  })

  it('tells the same only once, and nothing where nothing was tried', () => {
    expect(dryRunRules(input())).toEqual([])
    const twice = refused(422, 'x', {
      causes: [
        { field: 'a', message: 'b' },
        { field: 'a', message: 'b' },
      ],
    })
    const bad = deployment({ metadata: { name: 'bad' } })
    expect(found({ objects: [bad], live: [], dryRuns: [[bad, twice]] })).toEqual(['invalid error'])
  })
})

describe('the same refusal in two namespaces', () => {
  it('is told for each object', () => {
    const both = ['shop', 'staging'].map((namespace) => deployment({ metadata: { namespace } }))
    const denied = refused(403, 'admission webhook "policy.example.com" denied the request: no digest')
    const findings = runRules(
      input({ objects: both, live: [], dryRuns: both.map((each): [KubeObject, DryRunResult] => [each, denied]) }),
    )
    const told = findings.filter(({ id }) => id === 'admission')
    expect(told.map((finding) => finding.object?.namespace)).toEqual(['shop', 'staging'])
  })
})

describe('a field as the server writes it', () => {
  it.each<[string, (string | number)[]]>([
    ['spec.ports[0].port', ['spec', 'ports', 0, 'port']],
    [
      '.spec.template.spec.containers[name="app"].image',
      ['spec', 'template', 'spec', 'containers', '[name="app"]', 'image'],
    ],
    ['', []],
  ])('%s', (field, path) => {
    expect(pathOf(field)).toEqual(path)
  })
})

describe('a quantity that is none', () => {
  const message = `failed to convert new object (shop/web; apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object to apps/v1, Kind=Deployment: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`
  const claim = (storage: string): KubeObject =>
    object('v1', 'PersistentVolumeClaim', 'data', { spec: { resources: { requests: { storage } } } })

  it('is found, for the server does not say which', () => {
    expect(ask(refused(500, message), claim('5 GB'))).toMatchObject([
      {
        id: 'invalid',
        object: { kind: 'PersistentVolumeClaim', name: 'data' },
        reason:
          'the cluster refuses .spec.resources.requests.storage of PersistentVolumeClaim/data: "5 GB" is no quantity',
      },
    ])
  })

  it('stays in the words of the server where it is not found', () => {
    expect(ask(refused(500, message), claim('5Gi'))).toMatchObject([{ id: 'dry-run' }])
  })
})
