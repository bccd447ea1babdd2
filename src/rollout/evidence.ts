import { causes, explainFailure, type LogTail, PODS_SHOWN } from '../health/evidence.ts'
import type { Symptom } from '../health/symptom.ts'
import type { Client } from '../kubernetes/client.ts'
import type { Failure } from '../shared/errors.ts'
import type { KubeEvent, ObjectRef } from '../shared/objects.ts'

/**
 * The failure of a symptom with what the cluster says of it: the objects' events, and for each cause the last log lines
 * of one container.
 * What cannot be read is left out; the sentence never rests on it.
 */
export async function gatherEvidence(
  client: Client,
  symptom: Symptom,
  since: number,
  others: Symptom[] = [],
): Promise<Failure> {
  const shown = causes([symptom, ...others]).slice(0, PODS_SHOWN)
  const [events, ...logs] = await Promise.all([
    allEvents(client, symptom, others),
    ...shown.map((cause) => logsOf(client, cause.symptom)),
  ])
  return explainFailure(symptom, events, logs.flat(), { others, since })
}

/** The object's own events, and those of up to three others that show why: pods behind a ReplicaSet, a Deployment, a Job. */
async function allEvents(client: Client, symptom: Symptom, others: Symptom[]): Promise<KubeEvent[]> {
  const nearer = others.filter(({ object }) => object.name !== symptom.object.name).slice(0, 3)
  const lists = await Promise.all([symptom, ...nearer].map((each) => eventsOf(client, each.object)))
  return lists.flat()
}

/** All events about an object; none where they cannot be read. */
export async function eventsOf(client: Client, object: ObjectRef): Promise<KubeEvent[]> {
  const fieldSelector = `involvedObject.kind=${object.kind},involvedObject.name=${object.name}`
  try {
    const list = await client.list<KubeEvent>({ apiVersion: 'v1', kind: 'Event' }, object.namespace, { fieldSelector })
    return list.items
  } catch {
    return []
  }
}

async function logsOf(client: Client, { wantsLogs, object }: Symptom): Promise<LogTail[]> {
  if (wantsLogs === undefined) return []
  const { pod, container, previous } = wantsLogs
  const namespace = wantsLogs.namespace ?? object.namespace ?? 'default'
  for (const earlier of previous ? [true, false] : [false]) {
    try {
      const text = await client.logs(namespace, pod, { container, previous: earlier, tailLines: 50 })
      if (text !== undefined && text.trim() !== '') return [{ pod, container, text }]
    } catch {
      // A log that cannot be read is evidence that is missing, not another failure.
    }
  }
  return []
}
