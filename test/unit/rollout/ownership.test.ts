import { describe, expect, it } from 'vitest'
import type { Client } from '../../../src/kubernetes/client.ts'
import { leftovers } from '../../../src/rollout/finish.ts'
import { clean, withOwnershipOf, withoutTraces } from '../../../src/rollout/ownership.ts'
import { restoreOperations } from '../../../src/rollout/undo.ts'
import type { JsonPatchOperation } from '../../../src/shared/json-patch.ts'
import type { KubeObject, ManagedFieldsEntry } from '../../../src/shared/objects.ts'
import { ORIGINALS, SENTENCE } from '../../../src/strategies/annotations.ts'

const entry = (manager: string): ManagedFieldsEntry => ({ manager, operation: 'Apply' })

function object(managers: string[], annotations?: Record<string, string>): KubeObject {
  const metadata = { name: 'web', namespace: 'shop', resourceVersion: '5', managedFields: managers.map(entry) }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: annotations === undefined ? metadata : { ...metadata, annotations },
  }
}

const managed = (operations: JsonPatchOperation[]): unknown =>
  operations.flatMap((each) => (each.op === 'replace' ? [each.value] : []))

describe('after success', () => {
  it('no annotation and no entry of the mover remain', () => {
    const live = object(['headgate', 'headgate-rollout', 'kubelet'], {
      [ORIGINALS]: '{}',
      [SENTENCE]: 'x',
      team: 'shop',
    })
    expect(withoutTraces(live)).toEqual([
      { op: 'remove', path: '/metadata/annotations/headgate.dev~1originals' },
      { op: 'remove', path: '/metadata/annotations/headgate.dev~1rollout' },
      { op: 'replace', path: '/metadata/managedFields', value: [entry('headgate'), entry('kubelet')] },
    ])
  })

  it('a clean object needs nothing', () => {
    expect(withoutTraces(object(['headgate'], { team: 'shop' }))).toEqual([])
    expect(withoutTraces({ apiVersion: 'v1', kind: 'Service', metadata: {} })).toEqual([])
  })
})

describe('after an abort', () => {
  it('ownership is as before, but for what the controllers wrote meanwhile', () => {
    const before = object(['kubectl', 'kube-controller-manager', 'headgate-rollout'])
    const live = object(['headgate', 'headgate-rollout', 'kube-controller-manager'])
    expect(managed(withOwnershipOf(live, before))).toEqual([[entry('kubectl'), entry('kube-controller-manager')]])
  })

  it('an object that nobody knew before loses only the traces', () => {
    expect(managed(withOwnershipOf(object(['headgate', 'headgate-rollout']), undefined))).toEqual([[entry('headgate')]])
    const bare = { apiVersion: 'v1', kind: 'Service', metadata: {} }
    expect(withOwnershipOf(bare, bare)).toEqual([])
  })

  it('content is put back whatever kind it is, identity and status aside', () => {
    const before = { ...object([]), data: { a: '1' }, immutable: true, status: { old: true } }
    const live = { ...object(['x']), data: { a: '2' }, extra: 1, status: { new: true } }
    expect(restoreOperations(live, before)).toEqual([
      { op: 'add', path: '/data', value: { a: '1' } },
      { op: 'add', path: '/immutable', value: true },
      { op: 'remove', path: '/extra' },
    ])
    expect(restoreOperations(before, before)).toEqual([])
    expect(restoreOperations(before, { ...before, gone: undefined })).toEqual([])
  })
})

describe('the clean-up', () => {
  /** Answers each patch with what is next: a new object, or an error. */
  function client(answers: (KubeObject | object)[], fresh?: KubeObject): { client: Client; versions: unknown[] } {
    const versions: unknown[] = []
    const fake = {
      patch: async (_ref: unknown, { operations }: { operations: { value: unknown }[] }) => {
        versions.push(operations[0]?.value)
        const answer = answers.shift()
        if (answer === undefined || !('metadata' in answer)) throw answer ?? new Error('no answer')
        return answer
      },
      get: async () => fresh,
    }
    return { client: fake as unknown as Client, versions }
  }
  const dirty = object(['headgate-rollout'])
  const newer = { ...dirty, metadata: { ...dirty.metadata, resourceVersion: '6' } }
  const tidy = object([])

  it('writes until it holds, reading again what was stale', async () => {
    const { client: fake, versions } = client([{ kind: 'stale' }, tidy], newer)
    expect(await clean(fake, dirty, withoutTraces)).toBe(tidy)
    expect(versions).toEqual(['5', '6'])
  })

  it('tries the same again when the object cannot be read', async () => {
    const { client: fake, versions } = client([{ kind: 'stale' }, tidy])
    expect(await clean(fake, dirty, withoutTraces)).toBe(tidy)
    expect(versions).toEqual(['5', '5'])
  })

  it('writes nothing where nothing is to be written', async () => {
    const { client: fake, versions } = client([])
    expect(await clean(fake, tidy, withoutTraces)).toBe(tidy)
    expect(versions).toEqual([])
  })

  it.each([
    { what: 'a refusal', answers: [{ kind: 'forbidden' }] },
    { what: 'no answer', answers: [undefined] },
    { what: 'an object that is newer each time', answers: Array.from({ length: 11 }, () => ({ kind: 'stale' })) },
  ])('ends with $what', async ({ answers }) => {
    const left = answers.filter((each) => each !== undefined)
    const { client: fake, versions } = client(left, newer)
    await expect(clean(fake, dirty, withoutTraces)).rejects.toBeDefined()
    expect(versions).toHaveLength(answers.length)
  })
})

describe('what a release leaves over', () => {
  it('is what the one before had and this one lacks, in whatever version of its API', () => {
    const [a, b] = [object([]), { ...object([]), kind: 'ConfigMap' }]
    const ingress = { ...object([]), kind: 'Ingress', apiVersion: 'networking.k8s.io/v1beta1' }
    const now = [a, { ...ingress, apiVersion: 'networking.k8s.io/v1' }]
    expect(leftovers([a, b, ingress], now)).toEqual([b])
  })
})
