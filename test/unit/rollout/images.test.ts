import { describe, expect, it } from 'vitest'
import type { Engine } from '../../../src/rollout/engine.ts'
import { movedImage, tested } from '../../../src/rollout/images.ts'
import type { ContainerStatus } from '../../../src/shared/objects.ts'
import { record } from '../report/views.ts'
import { viewOf } from '../strategies/views.ts'

const ONE = `docker.io/acme/web@sha256:${'1'.repeat(64)}`
const TWO = `docker.io/acme/web@sha256:${'2'.repeat(64)}`

/** An engine whose single new pod runs these containers, with what was noted before. */
function engine(statuses: ContainerStatus[] | undefined, before?: Record<string, string>): Engine {
  const view = viewOf({ next: { wanted: 1 } })
  const pod = view.pods.find(({ metadata }) => metadata.labels?.['pod-template-hash'] === 'new2')
  if (pod !== undefined)
    pod.status = { ...pod.status, ...(statuses === undefined ? {} : { containerStatuses: statuses }) }
  const noted = before === undefined ? record() : record({ tested: before })
  return { workloads: [view.record], view: () => view, o: { book: { record: noted } } } as unknown as Engine
}

const running = (imageID: string): ContainerStatus[] => [{ name: 'main', image: 'acme/web:2', imageID }]

describe('what was tested', () => {
  it.each([
    { what: 'what runs', statuses: running(ONE), before: undefined, noted: { tested: { 'web/main': ONE } } },
    {
      what: 'the first of it',
      statuses: running(TWO),
      before: { 'web/main': ONE },
      noted: { tested: { 'web/main': ONE } },
    },
    {
      what: 'nothing of a pod that runs nothing',
      statuses: [{ name: 'main', imageID: '' }],
      before: undefined,
      noted: {},
    },
    { what: 'nothing of a container that tells nothing', statuses: [{ name: 'main' }], before: undefined, noted: {} },
    { what: 'nothing of a pod without containers', statuses: undefined, before: undefined, noted: {} },
  ])('is $what', ({ statuses, before, noted }) => {
    expect(tested(engine(statuses, before))).toEqual(noted)
  })

  it('is what is promoted: another image under the same name is a failure that names both', () => {
    expect(movedImage(engine(running(TWO), { 'web/main': ONE }))).toMatchObject({
      code: 'image-moved',
      object: { kind: 'Pod', name: 'web-new2-0' },
      message: `Pod/web-new2-0 runs ${TWO} as acme/web:2, but ${ONE} was tested: the tag was moved during the rollout`,
    })
  })

  it.each([
    { what: 'the same image', statuses: running(ONE), before: { 'web/main': ONE } },
    { what: 'the same image by another name', statuses: running(`x@${ONE.slice(-71)}`), before: { 'web/main': ONE } },
    { what: 'nothing noted', statuses: running(TWO), before: undefined },
    { what: 'a runtime that tells no digest', statuses: running('acme/web:2'), before: { 'web/main': ONE } },
  ])('is not moved by $what', ({ statuses, before }) => {
    expect(movedImage(engine(statuses, before))).toBeUndefined()
  })
})
