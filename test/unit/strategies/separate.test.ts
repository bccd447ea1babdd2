import { describe, expect, it } from 'vitest'
import { COLOR } from '../../../src/strategies/color.ts'
import { HASH_LABEL } from '../../../src/strategies/services.ts'
import type { Goal } from '../../../src/strategies/strategy.ts'
import { nextMove, stopMove } from '../../../src/strategies/strategy.ts'
import type { WorkloadView } from '../../../src/strategies/view.ts'
import { BACK, FINISH, PREVIEW, SWITCH } from '../../properties/drive.ts'
import {
  created,
  deploymentOf,
  podsOf,
  replicaSet,
  said,
  type ServiceSpec,
  type SideSpec,
  template,
  type ViewSpec,
  viewOf,
  written,
} from './views.ts'

const BLUE = template('web:1', { [COLOR]: 'blue' })
const GREEN = template('web:2', { [COLOR]: 'green' })
const onBlue: ServiceSpec = {
  selector: { app: 'web', color: 'blue' },
  before: { selector: { app: 'web', color: 'blue' } },
}
const onGreen: ServiceSpec = { ...onBlue, selector: { app: 'web', color: 'green' } }
const preview = { app: 'web', color: 'green' }

interface Fresh {
  deployment?: ViewSpec | undefined
  side?: SideSpec
  existed?: boolean
  uid?: string
}

/** From `web-blue` (or, not colored, from `web`) to `web-green`. */
function view(spec: ViewSpec, { deployment, side, existed = false, uid }: Fresh = {}, colored = true): WorkloadView {
  const old = colored ? BLUE : template('web:1')
  const base = viewOf({
    template: old,
    ...spec,
    versions: { stable: old, next: GREEN },
    record: { name: 'web-green', stableName: colored ? 'web-blue' : 'web', ...spec.record },
  })
  const made = deployment === undefined ? undefined : deploymentOf({ template: GREEN, ...deployment }, 'web-green')
  if (made !== undefined && uid !== undefined) made.metadata.uid = uid
  const manifest = deploymentOf({ template: GREEN, replicas: 2, annotations: { team: 'shop' } }, 'web-green')
  return {
    ...base,
    separate: {
      deployment: made,
      replicaSets: side === undefined ? [] : [replicaSet('new2', GREEN, side)],
      pods: side === undefined ? [] : podsOf('new2', side),
      color: 'green',
      manifest,
      existed,
    },
  }
}

const whole: Fresh = { deployment: {}, side: { wanted: 3 } }
const shown = [{ ...onBlue, preview }]
const away = [{ ...onGreen, preview }]

interface Row {
  what: string
  view: WorkloadView
  move: string
}

function table(goal: Goal, rows: Row[]): void {
  it.each(rows)('$what: $move', ({ view, move }) => {
    expect(said(nextMove('blue-green', view, goal))).toBe(move)
  })
}

describe('the new Deployment beside the old one', () => {
  table(PREVIEW, [
    { what: 'colored, at rest', view: view({ services: [onBlue] }), move: 'write: created without pods' },
    { what: 'not colored', view: view({ services: [{}] }, {}, false), move: 'write: lock while it is replaced' },
    {
      what: 'locked',
      view: view({ locked: true, services: [{}] }, {}, false),
      move: 'write: Service/web to the old version (old1)',
    },
    {
      what: 'locked, its ReplicaSet not seen',
      view: view({ locked: true, old: 'none', services: [{}] }, {}, false),
      move: 'wait: its ReplicaSet',
    },
    {
      what: 'pinned just now',
      view: view({ locked: true, services: [{ pin: 'old', changed: 1 }] }, {}, false),
      move: 'wait: the Service change to settle',
    },
    {
      what: 'pinned and settled',
      view: view({ locked: true, services: [{ pin: 'old' }] }, {}, false),
      move: 'write: created without pods',
    },
    {
      what: 'created, not seen',
      view: view({ services: [onBlue] }, { deployment: { unseen: true } }),
      move: 'wait: the Deployment controller',
    },
    {
      what: 'some pods ready',
      view: view({ services: [onBlue] }, { deployment: {}, side: { wanted: 3, ready: 1 } }),
      move: 'wait: new pods to be ready, 1 of 3',
    },
    { what: 'all ready', view: view({ services: [onBlue] }, whole), move: 'write: Service/web-preview created' },
    { what: 'shown', view: view({ services: shown }, whole), move: 'done' },
    {
      what: 'left from before, without pods',
      view: view({ services: [onBlue] }, { deployment: { replicas: 0 }, existed: true }),
      move: 'write: 3 new pods',
    },
    {
      what: 'left from before, with another template',
      view: view({ services: [onBlue] }, { deployment: { template: template('web:0') }, existed: true }),
      move: 'write: 3 new pods',
    },
    {
      what: 'left from before, locked',
      view: view({ services: [onBlue] }, { deployment: { locked: true } }),
      move: 'write: 3 new pods',
    },
    { what: 'the old one deleted', view: view({ gone: true }), move: 'drift: it was deleted' },
  ])

  it('is made from the manifest, without pods: a create that comes too late must bring none', () => {
    const object = created(nextMove('blue-green', view({ replicas: 5 }), PREVIEW))
    expect(object).toMatchObject({
      metadata: {
        name: 'web-green',
        annotations: { team: 'shop', 'headgate.dev/rollout': 'Headgate moves this object.' },
      },
      spec: { replicas: 0, template: GREEN },
    })
  })
})

describe('the switch by color', () => {
  table(SWITCH, [
    { what: 'shown', view: view({ services: shown }, whole), move: 'write: Service/web to green' },
    {
      what: 'the old one runs with more pods than replicas',
      view: view({ old: { wanted: 4 }, services: shown }, whole),
      move: 'wait: the new set to serve with as many pods as the old one, 3 of 4',
    },
    { what: 'nothing made', view: view({ services: [onBlue] }), move: 'write: created without pods' },
    {
      what: 'switched just now',
      view: view({ services: [{ ...onGreen, changed: 1 }] }, whole),
      move: 'wait: the Service change to settle',
    },
    { what: 'switched', view: view({ services: away }, whole), move: 'done' },
    {
      what: 'the second Service',
      view: view({ services: [...away, { ...onBlue, name: 'internal', preview }] }, whole),
      move: 'write: Service/internal to green',
    },
  ])

  it('takes selector and ports of the release in one write', () => {
    const ports = [{ port: 80, targetPort: 9090 }]
    const desired = { selector: { app: 'web', color: 'green' }, ports }
    const move = nextMove('blue-green', view({ services: [{ ...onBlue, preview, desired }] }, whole), SWITCH)
    expect(written(move)).toEqual({
      '/spec/selector': { app: 'web', color: 'green' },
      '/spec/ports': [{ port: 80, targetPort: 9090, protocol: 'TCP' }],
    })
  })
})

describe('the finish by color', () => {
  table(FINISH, [
    { what: 'users on the old one still', view: view({ services: shown }, whole), move: 'write: Service/web to green' },
    {
      what: 'not settled',
      view: view({ services: [{ ...onGreen, changed: 1 }] }, whole),
      move: 'wait: the Service change to settle',
    },
    { what: 'switched', view: view({ services: away }, whole), move: 'write: old set away' },
    {
      what: 'away, but locked',
      view: view({ replicas: 0, locked: true, services: away }, whole),
      move: 'write: old set away',
    },
    {
      what: 'old pods ending',
      view: view({ replicas: 0, old: { wanted: 0, terminating: 2 }, services: away }, whole),
      move: 'wait: 2 old pods to end',
    },
    {
      what: 'old pods gone',
      view: view({ replicas: 0, services: away }, whole),
      move: 'write: Service/web-preview removed',
    },
    { what: 'alone', view: view({ replicas: 0, services: [onGreen] }, whole), move: 'done' },
    {
      what: 'the old one deleted by somebody',
      view: view({ gone: true, old: 'none', services: [onGreen] }, whole),
      move: 'done',
    },
  ])
})

describe('the way back by color', () => {
  const none: Fresh = { deployment: undefined }
  table(BACK, [
    { what: 'switched', view: view({ services: away }, whole), move: 'write: Service/web to the old version' },
    {
      what: 'switched, the old one emptied',
      view: view({ replicas: 0, services: away, record: { replicas: 3 } }, whole),
      move: 'write: old set up again',
    },
    {
      what: 'up again, not seen',
      view: view({ unseen: true, services: away }, whole),
      move: 'wait: old pods to be ready, 3 of 3',
    },
    {
      what: 'up again, not ready',
      view: view({ old: { wanted: 3, ready: 1 }, services: away }, whole),
      move: 'wait: old pods to be ready, 1 of 3',
    },
    {
      what: 'up again, its pods of before on their way out',
      view: view({ old: { wanted: 3 }, services: away, replicas: 3 }, whole),
      move: 'write: Service/web to the old version',
    },
    {
      what: 'not colored',
      view: view({ locked: true, services: away }, whole, false),
      move: 'write: Service/web to the old version (old1)',
    },
    {
      what: 'back just now',
      view: view({ services: [{ ...onBlue, preview, changed: 1 }] }, whole),
      move: 'wait: the Service change to settle',
    },
    { what: 'back', view: view({ services: shown }, whole), move: 'write: Service/web-preview removed' },
    {
      what: 'made by this rollout',
      view: view({ services: [onBlue] }, whole),
      move: 'write: Deployment/web-green removed',
    },
    {
      what: 'there before this rollout',
      view: view({ services: [onBlue] }, { ...whole, existed: true }),
      move: 'write: new set away',
    },
    {
      what: 'its pods ending',
      view: view(
        { services: [onBlue] },
        { deployment: { replicas: 0 }, existed: true, side: { wanted: 0, terminating: 3 } },
      ),
      move: 'wait: 3 new pods to end',
    },
    { what: 'the new one gone', view: view({ services: [onBlue] }, none), move: 'done' },
    {
      what: 'pinned',
      view: view(
        { locked: true, annotations: { 'headgate.dev/rollout': 'x' }, services: [{ pin: 'old' }] },
        none,
        false,
      ),
      move: 'write: Service/web without a pin',
    },
    {
      what: 'unpinned, locked by the rollout',
      view: view({ locked: true, annotations: { 'headgate.dev/rollout': 'x' }, services: [{}] }, none, false),
      move: 'write: unlocked',
    },
    { what: 'locked by a person', view: view({ locked: true, services: [{}] }, none, false), move: 'done' },
    { what: 'the old one deleted', view: view({ gone: true }, whole), move: 'drift: it was deleted' },
  ])

  it('deletes exactly the Deployment that it has seen', () => {
    const move = nextMove('blue-green', view({ services: [onBlue] }, { ...whole, uid: 'u1' }), BACK)
    expect(move).toMatchObject({ write: { verb: 'delete', uid: 'u1', ref: { kind: 'Deployment', name: 'web-green' } } })
    const unknown = nextMove('blue-green', view({ services: [onBlue] }, whole), BACK)
    expect(unknown).not.toHaveProperty('write.uid')
  })

  it('gives the Service the selector and ports that it had', () => {
    const move = nextMove('blue-green', view({ locked: true, services: away }, whole, false), BACK)
    expect(written(move)).toEqual({ '/spec/selector': { app: 'web', color: 'blue', [HASH_LABEL]: 'old1' } })
  })

  it('waits for as many pods as an autoscaler has left', () => {
    const fewer = view({ replicas: 2, old: { wanted: 2 }, services: away, record: { replicas: 3 } }, whole)
    expect(said(nextMove('blue-green', fewer, BACK))).toBe('write: Service/web to the old version')
  })
})

describe('two Deployments that are stopped', () => {
  it('rest everywhere, because the Services alone decide who serves', () => {
    expect(stopMove('blue-green', view({ services: away }, whole))).toBeUndefined()
  })
})
