import type { Failure } from '../shared/errors.ts'
import { refOf, type Pod } from '../shared/objects.ts'
import { sideOf } from '../strategies/view.ts'
import type { Engine } from './engine.ts'
import type { RolloutRecord } from './record.ts'

interface Running {
  key: string
  image: string
  imageID: string
  pod: Pod
}

/** What the containers of the new version run, as far as their pods tell it. */
function running(engine: Engine): Running[] {
  return engine.workloads.flatMap((workload) =>
    sideOf(engine.view(workload), 'next').pods.flatMap((pod) =>
      (pod.status?.containerStatuses ?? []).flatMap(({ name, image = '', imageID = '' }) =>
        imageID === '' ? [] : [{ key: `${workload.name}/${name}`, image, imageID, pod }],
      ),
    ),
  )
}

/** The record's note of what was tested so far; what is noted once stays, because it is what people looked at. */
export function tested(engine: Engine): Pick<RolloutRecord, 'tested'> {
  const seen = Object.fromEntries(running(engine).map(({ key, imageID }) => [key, imageID]))
  const all = { ...seen, ...engine.o.book.record.tested }
  return Object.keys(all).length === 0 ? {} : { tested: all }
}

/**
 * A new pod that runs another image than the tested ones did, although its template is the same: the tag was moved
 * meanwhile. Only digests are compared; a runtime that tells none cannot be judged.
 */
export function movedImage(engine: Engine): Failure | undefined {
  const before = engine.o.book.record.tested ?? {}
  const moved = running(engine).find(({ key, imageID }) => {
    const [was, is] = [digestOf(before[key]), digestOf(imageID)]
    return was !== undefined && is !== undefined && was !== is
  })
  if (moved === undefined) return undefined
  const { key, image, imageID, pod } = moved
  return {
    kind: 'failed',
    code: 'image-moved',
    message: `Pod/${pod.metadata.name ?? ''} runs ${imageID} as ${image}, but ${before[key] ?? ''} was tested: the tag was moved during the rollout`,
    object: refOf(pod),
    next: 'deploy again with a digest (repository@sha256:…) or a tag that is never moved; nodes of several architectures need an image index',
  }
}

function digestOf(imageID: string | undefined): string | undefined {
  return /sha256:[0-9a-f]{64}/.exec(imageID ?? '')?.[0]
}
