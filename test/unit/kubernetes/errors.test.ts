import { describe, expect, test } from 'vitest'
import { apiError, eventError, unreachable } from '../../../src/kubernetes/answers.ts'
import { type ApiError, type ApiErrorKind, explain, neverSent } from '../../../src/kubernetes/errors.ts'
import { refuse } from '../../../src/shared/errors.ts'
import type { JsonMap } from '../../../src/shared/objects.ts'
import { refused, status } from './wire.ts'

const PATH = '/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=headgate'

function failed(code: number, reason: string, message: string, details: JsonMap = {}, method = 'PATCH'): ApiError {
  const { body, headers = {} } = status(code, reason, message, details)
  return apiError({ method, path: PATH }, { status: code, headers, body: JSON.stringify(body) })
}

const CONFLICT = {
  causes: [
    {
      reason: 'FieldManagerConflict',
      message: 'conflict with "kube-controller-manager" with subresource "scale" using apps/v1',
      field: '.spec.replicas',
    },
  ],
}
const FAILED_TEST = 'the server rejected our request due to an error in our request'

describe('what an answer means', () => {
  test.each<[string, ApiError, ApiErrorKind]>([
    ['fields of another manager', failed(409, 'Conflict', 'Apply failed with 1 conflict', CONFLICT), 'conflict'],
    ['an old resourceVersion', failed(409, 'Conflict', 'the object has been modified'), 'stale'],
    ['a failing test of a JSON patch', failed(422, 'Invalid', FAILED_TEST), 'stale'],
    ['the same words for a create', failed(422, 'Invalid', FAILED_TEST, {}, 'POST'), 'invalid'],
    ['a name that is taken', failed(409, 'AlreadyExists', 'deployments.apps "web" already exists'), 'exists'],
    [
      'an invalid value',
      failed(422, 'Invalid', 'x', { causes: [{ field: 'spec.replicas', message: 'm' }] }),
      'invalid',
    ],
    ['an unknown field, applied', failed(500, '', '.spec.replicaz: field not declared in schema'), 'unknown-field'],
    [
      'an unknown field, created',
      failed(400, 'BadRequest', 'strict decoding error: unknown field "spec.x"'),
      'unknown-field',
    ],
    ['an old version', failed(410, 'Expired', 'too old'), 'gone'],
    ['another 500', failed(500, 'InternalError', 'failed calling webhook "w.dev"'), 'server'],
    ['a gateway in between', failed(502, '', 'bad gateway'), 'server'],
    ['no rights', failed(403, 'Forbidden', 'no'), 'forbidden'],
    ['no valid token', failed(401, 'Unauthorized', 'Unauthorized'), 'unauthorized'],
    ['no object', failed(404, 'NotFound', 'not found'), 'not-found'],
    ['a server under load', failed(429, 'TooManyRequests', 'slow down'), 'too-many'],
    ['a server that waited too long', failed(504, 'Timeout', 'late'), 'timeout'],
  ])('%s', (_, error, kind) => expect(error.kind).toBe(kind))

  test('an unknown API group is answered in plain text', () => {
    const error = apiError({ method: 'GET', path: PATH }, { status: 404, headers: {}, body: '404 page not found\n' })
    expect([error.kind, error.reason, error.message]).toEqual(['not-found', undefined, '404 page not found'])
    expect(explain(error).code).toBe('unknown-kind')
  })

  test('the owner of a field is read without its subresource', () => {
    const [cause] = failed(409, 'Conflict', 'x', CONFLICT).causes
    expect(cause).toMatchObject({ field: '.spec.replicas', manager: 'kube-controller-manager' })
  })

  test('Retry-After counts in seconds, from the header or the body', () => {
    const header = apiError({ method: 'GET', path: PATH }, { status: 429, headers: { 'retry-after': '2' }, body: '' })
    expect(header.retryAfterMs).toBe(2_000)
    expect(failed(504, 'Timeout', 'x', { retryAfterSeconds: 1 }).retryAfterMs).toBe(1_000)
    expect(failed(504, 'Timeout', 'x').retryAfterMs).toBeUndefined()
  })

  test('an event of a watch counts by its own code', () => {
    const error = eventError(
      { method: 'GET', path: PATH },
      { kind: 'Status', code: 410, reason: 'Expired', message: 'old' },
    )
    expect([error.kind, error.status]).toEqual(['gone', 410])
  })
})

describe('no answer', () => {
  test('the code is found below', () => {
    const error = unreachable({ method: 'POST', path: PATH }, new TypeError('fetch failed', { cause: refused() }))
    expect([error.kind, error.reason, neverSent(error)]).toEqual(['unreachable', 'ECONNREFUSED', true])
  })

  test('which server it was is told', () => {
    const request = { method: 'GET', path: PATH }
    expect(explain(unreachable(request, refused(), 'kube.test:6443 (context main)'))).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/^the cluster at kube\.test:6443 \(context main\) cannot be reached: (?!the API)/),
    })
    expect(explain(unreachable(request, refused())).message).toMatch(/^the cluster cannot be reached: /)
  })

  test('a broken connection may have carried the request', () => {
    expect(neverSent(unreachable({ method: 'POST', path: PATH }, refused('ECONNRESET')))).toBe(false)
  })

  test('silence after the request is a timeout', () => {
    expect(unreachable({ method: 'GET', path: PATH }, refused('UND_ERR_HEADERS_TIMEOUT')).kind).toBe('timeout')
    expect(unreachable({ method: 'GET', path: PATH }, refused('UND_ERR_CONNECT_TIMEOUT')).kind).toBe('unreachable')
  })
})

describe('sentences', () => {
  test('a missing right names user, verb, resource and namespace', () => {
    const message =
      'deployments.apps is forbidden: User "deployer" cannot list resource "deployments" in API group "apps" in the namespace "shop"'
    const failure = explain(failed(403, 'Forbidden', message))
    expect(failure.kind).toBe('refused')
    expect(failure.message).toBe('the right to list deployments.apps in namespace shop is missing for user deployer')
    expect(failure.next).toContain('verb list on deployments.apps')
  })

  test('a 403 of a policy keeps its own words', () => {
    expect(explain(failed(403, 'Forbidden', 'exceeded quota: q')).message).toContain('exceeded quota: q')
  })

  test('a conflict names field and owner, and the way to accept it', () => {
    const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'shop' }
    const failure = explain(failed(409, 'Conflict', 'x', CONFLICT), ref)
    expect(failure.message).toBe('Deployment/web: .spec.replicas is owned by kube-controller-manager')
    expect(failure.next).toContain('take-over: [kube-controller-manager]')
    expect(failure.object).toEqual(ref)
  })

  test('an unknown field is named alone', () => {
    const applied =
      'failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.replicaz: field not declared in schema'
    expect(explain(failed(500, '', applied)).message).toMatch(/does not know: \.spec\.replicaz$/)
    const strict = 'strict decoding error: unknown field "spec.a", unknown field "spec.b"'
    expect(explain(failed(400, 'BadRequest', strict)).message).toMatch(/\.spec\.a, \.spec\.b$/)
  })

  test('a missing namespace is told from a missing object', () => {
    expect(explain(failed(404, 'NotFound', 'namespaces "shop" not found')).code).toBe('no-namespace')
    expect(explain(failed(404, 'NotFound', 'deployments.apps "web" not found')).code).toBe('not-found')
  })

  test('a webhook that fails is named', () => {
    expect(explain(failed(500, 'InternalError', 'failed calling webhook "w.dev": timeout')).next).toContain('w.dev')
  })

  test('the query stays out of the evidence', () => {
    expect(explain(failed(500, 'x', 'y')).evidence?.[0]?.lines[0]).toBe(
      'PATCH /apis/apps/v1/namespaces/shop/deployments/web: HTTP 500 x',
    )
  })

  test('other errors pass as they are', () => {
    expect(explain(refuse('locked', 'no')).code).toBe('locked')
  })
})
