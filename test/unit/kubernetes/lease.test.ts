import { afterEach, describe, expect, test } from 'vitest'
import { Client } from '../../../src/kubernetes/client.ts'
import { acquire, ask, type AskOutcome, type LeaseHolder, type LeaseRequest } from '../../../src/kubernetes/lease.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { LeaseServer } from './lease-server.ts'
import { refused, settle, status, wire } from './wire.ts'

const stops: AbortController[] = []
const holders: LeaseHolder[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort(new Error('end of the test'))
  for (const holder of holders.splice(0)) await holder.release()
})

function world() {
  const server = new LeaseServer()
  const clock = new VirtualClock()
  const { transport, requests } = wire(server.handle)
  const client = new Client(transport, clock)
  const stop = new AbortController()
  stops.push(stop)
  const common = { namespace: 'shop', app: 'web', clock, signal: stop.signal }
  const take = async (holder: string, waitMs = 0, expired = ''): Promise<LeaseHolder> => {
    const taken = await acquire(client, { ...common, holder, waitMs, expired, onWait: (who) => waits.push(who) })
    holders.push(taken)
    return taken
  }
  const waits: string[] = []
  const request: LeaseRequest = { command: 'abort', rollout: 7, by: 'run 2', who: 'alice', at: '2026-01-01T00:00:00Z' }
  const askFor = (timeoutMs = 60_000): Promise<AskOutcome> => ask(client, { ...common, request, timeoutMs })
  return { server, clock, requests, client, take, askFor, request, waits, stop }
}

describe('taking the lease', () => {
  test('of an app that has none takes two requests', async () => {
    const { server, take, requests } = world()
    await take('run 1')
    expect(requests.map((each) => each.method)).toEqual(['GET', 'POST'])
    expect(server.lease?.metadata).toMatchObject({
      name: 'headgate-web',
      namespace: 'shop',
      labels: { 'headgate.dev/app': 'web' },
    })
    expect(server.lease?.spec).toMatchObject({ holderIdentity: 'run 1', leaseDurationSeconds: 30, leaseTransitions: 0 })
    expect(server.lease?.spec?.renewTime).toMatch(/^2026-01-01T00:00:00\.000000Z$/)
  })

  test('that was given back goes at once', async () => {
    const { server, take } = world()
    await (await take('run 1')).release()
    expect(server.lease?.spec?.holderIdentity).toBeUndefined()
    await take('run 2')
    expect(server.lease?.spec).toMatchObject({ holderIdentity: 'run 2', leaseTransitions: 1 })
  })

  test('that another holds is refused, naming it', async () => {
    const { take } = world()
    await take('run 1')
    await expect(take('run 2')).rejects.toMatchObject({
      failure: { kind: 'refused', code: 'locked', message: expect.stringContaining('run 1') },
    })
  })

  test('waits for the other, and is woken when it gives back', async () => {
    const { take, clock, waits } = world()
    const first = await take('run 1')
    const second = take('run 2', 600_000)
    await clock.advance(120_000)
    expect([first.lost.aborted, waits]).toEqual([false, ['run 1']])
    await first.release()
    expect((await second).holder).toBe('run 2')
    expect(waits).toEqual(['run 1'])
  })

  test('gives up after its time while the other lives', async () => {
    const { take, clock } = world()
    await take('run 1')
    const began = clock.now()
    await expect(clock.run(take('run 2', 45_000))).rejects.toMatchObject({ failure: { code: 'locked' } })
    expect(clock.now() - began).toBe(45_000)
  })

  test('from a dead run takes 30 s of the own clock, whatever the times in it say', async () => {
    const { server, take, clock } = world()
    await (await take('run 1')).release()
    server.write((lease) =>
      Object.assign(lease.spec ?? {}, { holderIdentity: 'dead', renewTime: '2020-01-01T00:00:00.000000Z' }),
    )
    const began = clock.now()
    await clock.run(take('run 2', 60_000))
    expect(clock.now() - began).toBe(30_000)
    expect(server.lease?.spec?.holderIdentity).toBe('run 2')
  })

  test('of the same holder goes at once', async () => {
    const { server, take } = world()
    await take('run 1')
    await take('run 1')
    expect(server.lease?.spec?.leaseTransitions).toBe(1)
  })

  test('when two take it in the same moment, one waits', async () => {
    const { server, take, clock } = world()
    const both = await clock.run(Promise.allSettled([take('run 1'), take('run 2')]))
    expect(both.map((each) => each.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(server.lease?.spec?.holderIdentity).toBe('run 1')
  })

  test('voids requests to the holder before', async () => {
    const { server, take, request } = world()
    await (await take('run 1')).release()
    server.write((lease) => {
      lease.metadata.annotations = { 'headgate.dev/request': JSON.stringify(request), other: 'kept' }
    })
    expect((await take('run 3')).requests).toEqual([])
    expect(server.lease?.metadata.annotations).toEqual({ other: 'kept' })
  })

  test('without the right to it fails with the reason', async () => {
    const { server, take } = world()
    server.intercept = () => status(403, 'Forbidden', 'no')
    await expect(take('run 1')).rejects.toMatchObject({ kind: 'forbidden' })
  })

  test('a cancel ends the wait', async () => {
    const { take, stop } = world()
    await take('run 1')
    const second = take('run 2', 600_000)
    await settle()
    stop.abort(new Error('cancelled'))
    await expect(second).rejects.toThrow('cancelled')
  })
})

describe('holding it', () => {
  test('renews every 10 s, once', async () => {
    const { take, clock, requests } = world()
    await take('run 1')
    const before = requests.length
    await clock.advance(30_000)
    const renewals = requests.slice(before)
    expect(renewals.map((each) => each.method)).toEqual(['PATCH', 'PATCH', 'PATCH'])
  })

  test('after the release nothing is renewed', async () => {
    const { take, clock, requests } = world()
    await (await take('run 1')).release()
    const before = requests.length
    await clock.advance(60_000)
    expect(requests.length).toBe(before)
  })

  test('is lost at once when the watch shows another holder', async () => {
    const { server, take } = world()
    const holder = await take('run 1')
    server.write((lease) => Object.assign(lease.spec ?? {}, { holderIdentity: 'thief' }))
    await settle()
    expect(holder.lost.reason).toMatchObject({
      failure: { code: 'taken-over', message: expect.stringContaining('thief') },
    })
  })

  test('is lost 25 s after the last renewal, before anybody may take it', async () => {
    const { server, take, clock } = world()
    const holder = await take('run 1')
    await clock.advance(10_000)
    server.intercept = () => refused()
    await clock.advance(24_000)
    expect(holder.lost.aborted).toBe(false)
    await clock.advance(2_000)
    expect(holder.lost.reason).toMatchObject({
      failure: {
        code: 'lease-lost',
        message: expect.stringMatching(/could not be renewed for 25 s: .*cannot be reached/),
      },
    })
  })

  test('is lost by the name of its cause where the login has ended', async () => {
    const { server, take, clock } = world()
    const holder = await take('run 1')
    server.intercept = () => status(401, 'Unauthorized', 'Unauthorized')
    await clock.advance(26_000)
    expect(holder.lost.reason).toMatchObject({ failure: { kind: 'failed', code: 'unauthorized' } })
  })

  test('a short outage is survived', async () => {
    const { server, take, clock } = world()
    const holder = await take('run 1')
    server.intercept = () => refused()
    await clock.advance(18_000)
    server.intercept = () => undefined
    await clock.advance(120_000)
    expect(holder.lost.aborted).toBe(false)
  })

  test('a release that fails is no failure', async () => {
    const { server, take, clock } = world()
    const holder = await take('run 1')
    server.intercept = () => status(500, 'x', 'y')
    await clock.run(holder.release())
  })
})

describe('asking the run that acts', () => {
  test('is heard at once, and answered', async () => {
    const { take, askFor, request, server } = world()
    const holder = await take('run 1')
    const heard: LeaseRequest[] = []
    holder.onRequest((each) => {
      heard.push(each)
      void holder.answer(each, 'aborting')
    })
    expect(await askFor()).toEqual({
      outcome: 'answered',
      answer: { to: 'run 2', at: request.at, message: 'aborting' },
    })
    expect([heard, holder.requests]).toEqual([[request], []])
    expect(server.lease?.spec?.holderIdentity).toBe('run 1')
    expect(holder.lost.aborted).toBe(false)
  })

  test('shows among its requests, also to who listens later', async () => {
    const { take, askFor, request } = world()
    const holder = await take('run 1')
    void askFor().catch(() => {})
    await settle()
    expect(holder.requests).toEqual([request])
    const heard: LeaseRequest[] = []
    holder.onRequest((each) => heard.push(each))
    expect(heard).toEqual([request])
  })

  test('nobody acts: free, and nothing is written', async () => {
    const { take, askFor, server } = world()
    expect(await askFor()).toEqual({ outcome: 'free' })
    await (await take('run 1')).release()
    const version = server.lease?.metadata.resourceVersion
    expect(await askFor()).toEqual({ outcome: 'free' })
    expect(server.lease?.metadata.resourceVersion).toBe(version)
  })

  test('a dead run: expired after 30 s', async () => {
    const { take, askFor, server, clock } = world()
    await (await take('run 1')).release()
    server.write((lease) => Object.assign(lease.spec ?? {}, { holderIdentity: 'dead' }))
    const began = clock.now()
    const asked = await clock.run(askFor(300_000))
    expect([asked.outcome, clock.now() - began]).toEqual(['expired', 30_000])
    if (asked.outcome === 'expired') await clock.run(take('run 2', 60_000, asked.expired))
    expect([server.lease?.spec?.holderIdentity, clock.now() - began]).toEqual(['run 2', 30_000])
  })

  test('a run that lives but does not answer: timeout', async () => {
    const { take, askFor, clock } = world()
    await take('run 1')
    expect(await clock.run(askFor(40_000))).toEqual({ outcome: 'timeout', holder: 'run 1' })
  })

  test('a renewal in between does not hinder it', async () => {
    const { take, askFor, server } = world()
    const holder = await take('run 1')
    holder.onRequest((each) => void holder.answer(each, 'ok'))
    let first = true
    server.intercept = (request) => {
      if (!first || !request.headers['content-type']?.includes('merge-patch')) return undefined
      first = false
      server.write((lease) => Object.assign(lease.spec ?? {}, { renewTime: 'later' }))
      return undefined
    }
    expect(await askFor()).toMatchObject({ outcome: 'answered' })
    expect(first).toBe(false)
  })

  test('what cannot be read is no request', async () => {
    const { take, server } = world()
    const holder = await take('run 1')
    server.write((lease) => {
      lease.metadata.annotations = { 'headgate.dev/request': '{"command":"delete"}' }
    })
    await settle()
    expect(holder.requests).toEqual([])
  })
})
