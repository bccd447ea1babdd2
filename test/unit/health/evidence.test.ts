import { describe, expect, it } from 'vitest'
import { alsoText, causes, eventLines, explainFailure, logTail } from '../../../src/health/evidence.ts'
import type { Symptom } from '../../../src/health/symptom.ts'
import type { KubeEvent } from '../../../src/shared/objects.ts'
import { event, fixture, look, NOW } from './fixture.ts'

function symptoms(name: string): { first: Symptom; others: Symptom[]; events: KubeEvent[] } {
  const { events, ...objects } = fixture(name)
  const { symptoms, fatal } = look({ ...objects, events })
  const first = fatal ?? symptoms[0]
  if (first === undefined) throw new Error('no symptom')
  return { first, others: symptoms, events }
}

describe('events', () => {
  it('are folded, counted and ordered by time', () => {
    const at = (seconds: number): string => new Date(NOW + seconds * 1_000).toISOString()
    const lines = eventLines([
      event('FailedMount', 'second', { lastTimestamp: at(2), count: 3 }),
      event('BackOff', 'first', { lastTimestamp: at(1) }),
      event('FailedMount', 'second', { lastTimestamp: at(3), count: 2 }),
      event('Pulled', 'routine', { type: 'Normal', lastTimestamp: at(4) }),
    ])
    expect(lines).toEqual(['Pod/web-1 BackOff: first', 'Pod/web-1 FailedMount: second (5 times)'])
  })

  it('that differ only in the random part of a name are one, told by the newest', () => {
    const { events } = fixture('quota')
    expect(eventLines(events)).toEqual([
      expect.stringMatching(
        /^ReplicaSet\/full-c45f4b5b7 FailedCreate: Error creating: pods "full-c45f4b5b7-\w{5}" is forbidden: exceeded quota: .* \(13 times\)$/,
      ),
    ])
  })

  it('before a time are left out', () => {
    const { events } = fixture('quota')
    expect(eventLines(events, NOW)).toEqual([])
  })

  it('without any field do no harm', () => {
    const bare: KubeEvent = { apiVersion: 'v1', kind: 'Event', metadata: {} }
    expect(eventLines([bare, { ...bare, involvedObject: {} }])).toEqual(['Object/ :  (2 times)'])
  })

  it('are bounded to the newest', () => {
    const many = Array.from({ length: 30 }, (_, index) =>
      event('Unhealthy', `answer ${index}`, { lastTimestamp: new Date(NOW + index).toISOString() }),
    )
    expect(eventLines(many)).toHaveLength(10)
    expect(eventLines(many).at(-1)).toContain('answer 29')
  })
})

describe('the end of a log', () => {
  it('has the last lines and no empty ones after them', () => {
    const text = `${Array.from({ length: 40 }, (_, index) => `line ${index}`).join('\r\n')}\n\n  \n`
    expect(logTail(text)).toHaveLength(25)
    expect(logTail(text).at(-1)).toBe('line 39')
    expect(logTail('a\nb\nc', 2)).toEqual(['b', 'c'])
    expect(logTail('\n\n')).toEqual([])
  })

  it('has bounded lines that keep their columns, without colours', () => {
    expect(logTail(`\u001B[31mError\u001B[0m:  x\n\tat main\u0007`)).toEqual(['Error:  x', '  at main'])
    expect(logTail('x'.repeat(1_000))[0]).toMatch(/^x{299}…$/)
  })

  it.each([
    ['connecting to postgres://app:s3cr3t@db:5432/x', 'connecting to postgres://app:***@db:5432/x'],
    ['Authorization: Bearer abcdefghijkl', 'Authorization: Bearer ***'],
    ['{"password": "hunter2", "user": "x"}', '{"password": ***, "user": "x"}'],
    ['API_KEY=abc def', 'API_KEY=*** def'],
    ['nothing to hide', 'nothing to hide'],
  ])('hides what looks like a credential: %s', (line, expected) => {
    expect(logTail(line)).toEqual([expected])
  })
})

describe('a failure', () => {
  it('has object, cause, evidence and the next move', () => {
    const { first, others, events } = symptoms('crash-loop')
    const logs = [
      { pod: 'another', container: 'app', text: 'no' },
      { pod: first.object.name, container: 'app', text: 'starting\nno database' },
    ]
    const failure = explainFailure(first, events, logs, { others })
    const other = others.find(({ key }) => key !== first.key)
    expect(failure).toMatchObject({
      kind: 'failed',
      code: 'crash-loop',
      message: `${first.sentence} (the same for 1 more pod: ${other?.object.name})`,
      object: { kind: 'Pod', name: first.object.name },
      next: 'look at its last log lines, mend the release and deploy again',
    })
    expect(failure.evidence?.map(({ title }) => title)).toEqual([
      'events',
      `last lines of container app of Pod/${first.object.name}`,
    ])
    expect(failure.evidence?.at(-1)?.lines).toEqual(['starting', 'no database'])
  })

  it('shows the log that there is when the one asked for is not', () => {
    const { first } = symptoms('crash-loop')
    const failure = explainFailure(
      first,
      [],
      [
        { pod: 'x', container: 'app', text: ' ' },
        { pod: 'y', container: 'app', text: 'why' },
      ],
    )
    expect(failure.evidence).toEqual([{ title: 'last lines of container app of Pod/y', lines: ['why'] }])
  })

  it('says that a log is empty', () => {
    const { first } = symptoms('crash-loop')
    const failure = explainFailure(first, [], [{ pod: first.object.name, container: 'app', text: '\n' }])
    expect(failure.evidence?.[0]?.lines).toEqual(['(it wrote nothing)'])
  })

  it('of a Deployment brings what was seen below it', () => {
    const { first, others, events } = symptoms('readiness')
    const failure = explainFailure(first, events, [], { others, since: NOW - 3_600_000 })
    expect(failure.code).toBe('no-progress')
    expect(failure.evidence?.map(({ title }) => title)).toEqual(['events', 'also seen'])
    expect(failure.evidence?.[1]?.lines[0]).toMatch(
      /fails its readiness probe: HTTP 503 \(31 times\) \(the same for 1 more pod: /,
    )
  })

  it('of a ReplicaSet shows its own events and its status', () => {
    const { first, events } = symptoms('pod-security')
    const failure = explainFailure(first, [...events, event('Unhealthy', 'of a pod')])
    expect(failure.evidence?.map(({ title, lines }) => `${title} ${lines.length}`)).toEqual(['status 1', 'events 2'])
    expect(failure.evidence?.[0]?.lines[0]).toMatch(/seccompProfile\.type to "RuntimeDefault" or "Localhost"\)$/)
  })

  it('of a probe tells its last answer, also when the events were read only now', () => {
    const { pods, events } = fixture('readiness')
    const [seen] = look({ pods, grace: { notReady: 0 } }).symptoms
    if (seen === undefined) throw new Error('no symptom')
    expect(explainFailure(seen, events).message).toMatch(
      /has not passed its readiness probe; its last answer: HTTP 503$/,
    )
    expect(explainFailure(seen).message).toMatch(/has not passed its readiness probe$/)
    const [told] = look({ pods, events }).symptoms
    expect(told === undefined ? '' : explainFailure(told, events).message).toMatch(/probe: HTTP 503 \(31 times\)$/)
  })

  it('alone is enough', () => {
    const { first } = symptoms('gated')
    expect(explainFailure(first)).toMatchObject({ code: 'unschedulable', message: first.sentence, evidence: [] })
  })
})

describe('causes', () => {
  it('bring the same symptoms of many pods together', () => {
    const [cause] = causes(symptoms('image-pull').others)
    expect(cause?.objects).toHaveLength(2)
    if (cause === undefined) return
    expect(alsoText({ ...cause, objects: ['a'] })).toBe('')
    expect(alsoText({ ...cause, objects: ['a', 'b', 'c', 'd'] })).toBe(' (the same for 3 more pods: b, c, …)')
    expect(causes([cause.symptom, cause.symptom])).toHaveLength(1)
    expect(causes([cause.symptom, cause.symptom])[0]?.objects).toHaveLength(1)
  })
})
