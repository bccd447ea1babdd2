/** The hold and what others do to it, seen on a real cluster and expected of the emulator. */
import { test } from 'vitest'
import type { Json } from '../../src/shared/objects.ts'
import { mapAt, textAt } from '../emulator/values.ts'
import { type Cluster, closeCluster, MERGE, openCluster } from './cluster.ts'
import { expectRecorded } from './normal.ts'
import { HELD, RELEASED, Workload } from './workload.ts'

type Note = (name: string, facts: Json) => void

function contract(
  name: string,
  script: (start: (name: string) => Workload, note: Note, cluster: Cluster) => Promise<void>,
): void {
  test.concurrent(name, { timeout: 300_000 }, async () => {
    const cluster = await openCluster()
    const seen: Record<string, Json> = {}
    await cluster.run(async () => {
      await script(
        (name) => new Workload(cluster, name),
        (step, facts) => {
          seen[step] = facts
        },
        cluster,
      )
      await closeCluster(cluster)
    })
    expectRecorded(cluster, `hold-${name.replaceAll(' ', '-')}`, seen)
  })
}

contract('law', async (start, note) => {
  for (const [i, [replicas, surge, unavailable]] of (
    [
      [5, 1, 0],
      [5, 2, 0],
      [5, 0, 2],
      [5, 0, 3],
      [5, 1, 2],
      [5, '100%', 0],
      [3, 7, 0],
      [1, 1, 0],
      [4, '25%', '25%'],
    ] as const
  ).entries()) {
    const web = start(`w${i}`)
    await web.create({ replicas })
    note(`${replicas}, surge ${surge}, unavailable ${unavailable}`, await web.hold(surge, unavailable))
  }
})

contract('ratchet', async (start, note) => {
  const web = start('web')
  await web.create({ replicas: 5 })
  await web.hold(1, 0)
  await web.patch(web.surge(0, 1))
  note('s=0 u=1', await web.steady())
  await web.patch(web.surge(1, 1))
  note('s=1 u=1', await web.steady())
  await web.patch(web.surge(0, 3))
  note('s=0 u=3', await web.steady())
  note('endpoints', await web.endpoints())
  await web.patch(web.surge(0, 1))
  note('back to u=1', await web.steady())
})

contract('promote and abort', async (start, note) => {
  const web = start('web')
  await web.create({ replicas: 4 })
  const stable = await names(web, '1.0.0')
  await web.hold(1, 2)
  const canary = await names(web, '2.0.0')
  await web.patch({ ...RELEASED, ...web.surge('25%', '25%'), ...web.image('1.0.0') })
  note('aborted', await web.steady())
  note('old pods kept by the abort', kept(stable, await names(web, '1.0.0')))
  await web.hold(2, 0)
  const second = await names(web, '2.0.0')
  await web.patch({ ...RELEASED, ...web.surge('25%', '25%') })
  note('promoted', await web.steady())
  note('canary pods kept by the promotion', kept(second, await names(web, '2.0.0')))
  note('canary pods before the abort', canary.length)
})

contract('fields alone', async (start, note) => {
  const web = start('web')
  await web.create({ replicas: 3 })
  await web.patch(HELD)
  note('minReadySeconds alone', await web.steady())
  await web.patch(RELEASED)
  note('restored', await web.steady())
  await web.hold(1, 0)
  await web.patch(web.image('1.0.0'))
  // Whether the canary goes is a race between two controllers; that nothing counts as available is not.
  note('template back, minReadySeconds left', (await web.steady()).conditions)
  await web.patch(RELEASED)
  note('restored again', await web.steady())
})

contract('scaling without lock', async (start, note) => {
  const web = start('web')
  await web.create({ replicas: 5 })
  await web.hold(2, 0)
  note('to 8', await web.scale(8))
  note('to 12', await web.scale(12))
  note('to 5', await web.scale(5))
  const pair = start('pair')
  await pair.create({ replicas: 5 })
  await pair.hold(0, 3)
  note('pair to 3', await pair.scale(3))
  note('pair to 8', await pair.scale(8))
  const blue = start('blue')
  await blue.create({ replicas: 5 })
  await blue.hold(5, 0)
  note('number surge to 12', await blue.scale(12))
  const percent = start('percent')
  await percent.create({ replicas: 5 })
  await percent.hold('100%', 0)
  note('percent surge to 12', await percent.scale(12))
})

contract('scaling with lock', async (start, note) => {
  const pair = start('pair')
  await pair.create({ replicas: 5 })
  await pair.hold(0, 3)
  note('locked', await pair.lock())
  for (const replicas of [3, 8, 5]) note(`pair to ${replicas}`, await pair.scale(replicas))
  const blue = start('blue')
  await blue.create({ replicas: 5 })
  await blue.hold('100%', 0)
  await blue.lock()
  for (const replicas of [12, 2, 5]) note(`blue/green to ${replicas}`, await blue.scale(replicas))
  note('to zero', await blue.scale(0))
})

contract('small canary under an autoscaler', async (start, note) => {
  const web = start('web')
  await web.create({ replicas: 10 })
  await web.hold(0, 1)
  note('locked', await web.lock())
  for (const [i, replicas] of [5, 10, 4, 10, 3, 10, 2, 10].entries())
    note(`${i}: ${replicas}`, await web.scale(replicas))
})

contract('second template', async (start, note) => {
  const web = start('web')
  await web.create({ replicas: 5 })
  await web.hold(2, 0)
  await web.patch(web.image('3.0.0'))
  note('over a full stable side', await web.steady())
  const shrunk = start('shrunk')
  await shrunk.create({ replicas: 5 })
  await shrunk.hold(0, 3)
  await shrunk.patch({ ...shrunk.image('3.0.0'), ...shrunk.surge(1, 0) })
  note('over a shrunk one', await shrunk.steady())
})

contract('foreign acts without lock', async (start, note) => {
  const web = start('web')
  await web.create({ replicas: 3 })
  await web.hold('100%', 0)
  await web.patch(web.image('3.0.0'))
  note('set image', await web.steady())
  const restart = start('restart')
  await restart.create({ replicas: 3 })
  await restart.hold('100%', 0)
  await restart.patch({ template: { metadata: { annotations: { restartedAt: 'now' } } } })
  note('restart', await restart.steady())
})

contract('foreign acts with lock', async (start, note, cluster) => {
  const web = start('web')
  await web.create({ replicas: 3 })
  await web.hold('100%', 0)
  await web.lock()
  await web.patch(web.image('3.0.0'))
  note('set image', await web.steady())
  await web.patch(web.image('2.0.0'))
  note('and back', await web.steady())
  await web.patch(web.surge('25%', '25%'))
  note('maxSurge named', await web.steady())
  const pair = start('pair')
  await pair.create({ replicas: 3 })
  await pair.hold(0, 2)
  await pair.lock()
  await pair.patch(pair.surge(1, 0))
  note('maxSurge named at (1, 2)', await pair.steady())
  const named = start('named')
  await named.create({ replicas: 3 })
  await named.hold('100%', 0)
  await named.lock()
  await named.patch({ minReadySeconds: 0 })
  note('minReadySeconds named', await named.steady())
  const short = start('short')
  await short.create({ replicas: 3 })
  await short.hold(2, 0)
  await short.lock()
  await short.patch({ minReadySeconds: 0 })
  note('minReadySeconds named, one pod short', await short.steady())
  const old = start('old')
  await old.create({ replicas: 3 })
  await old.hold('100%', 0)
  await old.lock()
  await old.patch({ ...old.image('1.0.0'), minReadySeconds: 0 })
  note('old file', await old.steady())
  const kept = start('kept')
  await kept.create({ replicas: 3 })
  await kept.hold('100%', 0)
  await kept.lock()
  const [first] = await kept.sets()
  const path = `/apis/apps/v1/namespaces/${cluster.namespace}/replicasets/${textAt(first, 'metadata', 'name') ?? ''}`
  const mark = (value: string | null): Json => ({
    spec: { template: { metadata: { annotations: { kept: value } } } },
  })
  await cluster.ask('PATCH', path, mark('yes'), { type: MERGE })
  note('old ReplicaSet kept by an annotation of its template', await kept.steady())
  await kept.patch({ ...kept.image('1.0.0'), minReadySeconds: 0 })
  note('old file, which names minReadySeconds', await kept.steady())
  await cluster.ask('PATCH', path, mark(null), { type: MERGE })
  note('kept no more', await kept.steady())
})

contract('pods that go', async (start, note) => {
  const web = start('web')
  await web.create({ replicas: 3 })
  await web.hold(1, 0)
  note('old pod deleted', await web.deletePod('1.0.0'))
  note('canary deleted', await web.deletePod('2.0.0'))
  await web.lock()
  note('old pod deleted, locked', await web.deletePod('1.0.0'))
  note('canary deleted, locked', await web.deletePod('2.0.0'))
  note('endpoints', await web.endpoints())
  const broken = start('broken')
  await broken.create({ replicas: 3 })
  note('canary never ready', await broken.hold(1, 0, broken.image('2.0.0', { POD_TEST_NEVER_READY: 'true' })))
  note('its endpoints', await broken.endpoints())
})

contract('blue green', async (start, note) => {
  const web = start('web')
  await web.create({ replicas: 3 })
  note('template, fields and pause at once', await web.hold('100%', 0, { paused: true }))
  note('unlocked', await web.lock(false))
  note('locked', await web.lock())
  await web.patch({ ...RELEASED, ...web.surge('100%', 0) })
  note('finished, still paused', await web.steady())
  await web.patch({ ...web.surge('25%', '25%'), paused: false })
  note('originals', await web.steady())
  const back = start('back')
  await back.create({ replicas: 3 })
  await back.hold('100%', 0)
  await back.lock()
  await back.patch({ ...back.image('1.0.0'), ...RELEASED, ...back.surge('100%', 0) })
  note('aborted, still paused', await back.steady())
  await back.patch({ ...back.surge('25%', '25%'), paused: false })
  note('aborted, originals', await back.steady())
})

contract('deadlines and pauses', async (start, note, cluster) => {
  const web = start('web')
  await web.create({ replicas: 2, spec: { progressDeadlineSeconds: 3 } })
  await web.patch(web.image('2.0.0', { POD_TEST_NEVER_READY: 'true' }))
  await cluster.sleep(8_000)
  note('deadline exceeded', (await web.facts()).conditions)
  await web.patch({ template: { ...web.template('1.0.0') } }, MERGE)
  note('undone', await web.steady())
  await web.patch({ paused: true })
  note('paused', await web.steady())
  await web.patch(web.image('2.0.0'))
  note('image while paused', await web.steady())
  await web.patch({ paused: false })
  note('resumed', await web.steady())
  const slow = start('slow')
  await slow.create({ replicas: 2, spec: { minReadySeconds: 2 } })
  note('available after minReadySeconds', await slow.steady(3_000))
})

contract('other ways', async (start, note) => {
  const recreate = start('recreate')
  await recreate.create({ replicas: 3, spec: { strategy: { type: 'Recreate' } } })
  await recreate.patch(recreate.image('2.0.0'))
  note('recreated', await recreate.steady())
  const kept = start('kept')
  await kept.create({ replicas: 2, spec: { revisionHistoryLimit: 1 } })
  for (const tag of ['2.0.0', '3.0.0', '4.0.0']) {
    await kept.patch(kept.image(tag))
    note(`history of one, ${tag}`, await kept.steady())
  }
  await kept.patch(kept.image('3.0.0'))
  const sets = (await kept.steady()) && (await kept.sets())
  note(
    'revisions',
    sets.map((set) => mapAt(set, 'metadata', 'annotations')),
  )
  const rolling = start('rolling')
  await rolling.create({ replicas: 7 })
  await rolling.patch(rolling.image('2.0.0'))
  note('rolled', await rolling.steady())
  note('scaled', await rolling.scale(2))
  await rolling.patch({ replicas: 0 })
  note('nothing', await rolling.steady())
  await rolling.patch(rolling.image('3.0.0'))
  note('a new image at nothing', await rolling.steady())
})

async function names(web: Workload, tag: string): Promise<string[]> {
  const pods = await web.pods(tag)
  return pods.map((pod) => textAt(pod, 'metadata', 'uid') ?? '')
}

function kept(before: string[], after: string[]): string {
  return `${before.filter((uid) => after.includes(uid)).length} of ${before.length}`
}
