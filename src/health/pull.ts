import type { Pod } from '../shared/objects.ts'
import { type ContainerRow, idOf, type Look, newestEvent, oneLine, podRef, type Sign, subject } from './look.ts'

/** Why a registry did not give an image, as far as its answer tells. */
interface PullCause {
  id: 'missing' | 'denied' | 'platform' | 'name' | 'signature' | 'certificate' | 'rate' | 'network' | 'unknown'
  /** nothing but a change of release, rights or registry mends it */
  lasting: boolean
  says: string
  hint: string
}

const CAUSES: readonly (PullCause & { pattern: RegExp })[] = [
  {
    id: 'rate',
    lasting: false,
    pattern: /toomanyrequests|too many requests|\b429\b|rate limit/i,
    says: 'the registry limits how often it may be asked',
    hint: 'wait, pull with an account (imagePullSecrets), or use a mirror',
  },
  {
    id: 'certificate',
    lasting: false,
    pattern: /x509|certificate|server gave HTTP response to HTTPS/i,
    says: 'the node does not trust the registry',
    hint: "add the registry's certificate to the nodes",
  },
  {
    id: 'network',
    lasting: false,
    pattern:
      /no such host|i\/o timeout|connection (refused|reset)|TLS handshake timeout|deadline exceeded|unexpected EOF|\b50[0234]\b|temporar|network is unreachable|registryunavailable/i,
    says: 'the registry cannot be reached from the node',
    hint: "check the registry's name and the node's network",
  },
  {
    id: 'signature',
    lasting: true,
    pattern: /signature/i,
    says: 'its signature is not accepted',
    hint: "sign the image, or correct the nodes' policy",
  },
  {
    id: 'platform',
    lasting: true,
    pattern: /no match(ing manifest)? for platform|no matching manifest|exec format|no image found in manifest list/i,
    says: "it is not built for the node's architecture",
    hint: "build the image for the nodes' architecture as well",
  },
  {
    id: 'denied',
    lasting: true,
    pattern: /unauthorized|authentication required|denied|forbidden|\b40[13]\b|no basic auth/i,
    says: 'the registry denies it',
    hint: 'check that the image exists, and the imagePullSecrets of the pod or its ServiceAccount',
  },
  {
    id: 'missing',
    lasting: true,
    pattern: /not found|manifest unknown|name unknown|repository does not exist|\b404\b/i,
    says: 'the registry has no such image',
    hint: 'check repository and tag, and that the build has pushed it',
  },
]

/** The node has the image, or a part of it, and cannot read it. */
const INSPECT: PullCause = {
  id: 'unknown',
  lasting: false,
  says: 'the node cannot read it',
  hint: "look at the node's image store, or remove the image there",
}

const UNKNOWN: PullCause = {
  id: 'unknown',
  lasting: false,
  says: 'the node could not pull it',
  hint: 'check image, registry and imagePullSecrets',
}

/** What a kubelet's or registry's message means. The image's own name is left out: it may hold any word. */
export function pullCause(message: string, image = ''): PullCause {
  const name = (image.split('@')[0] ?? '').split('/').at(-1)?.split(':')[0] ?? ''
  const words = message.replaceAll(/"[^"]*"/g, ' ').split(/\s+/)
  const text = words.filter((word) => name === '' || !word.includes(name)).join(' ')
  return CAUSES.find(({ pattern }) => pattern.test(text)) ?? UNKNOWN
}

/** Reasons for which the kubelet does not even ask a registry. */
const AT_ONCE: Record<string, { says: string; hint: string }> = {
  InvalidImageName: { says: 'that is no image reference', hint: 'correct the image in the manifest' },
  ErrImageNeverPull: {
    says: 'it is not on the node, and imagePullPolicy Never forbids to pull it',
    hint: 'use another imagePullPolicy, or bring the image to the nodes',
  },
  SignatureValidationFailed: {
    says: 'its signature is not accepted',
    hint: "sign the image, or correct the nodes' policy",
  },
}

const PULLING = new Set(['ErrImagePull', 'ImagePullBackOff', 'ImageInspectError', 'RegistryUnavailable'])

/**
 * The image cannot be had. A lasting cause is fatal with the second sighting (the kubelet has gone from the error to its
 * back-off) or after a few seconds; what may pass by itself (network, rate limit) is only told.
 */
export function pullSign(pod: Pod, row: ContainerRow, look: Look): Sign | undefined {
  const { reason = '', message = '' } = row.status.state?.waiting ?? {}
  const { name } = row.status
  const atOnce = AT_ONCE[reason]
  if (atOnce === undefined && !PULLING.has(reason)) return undefined
  const image = row.status.image || row.spec?.image || ''
  const base = { code: 'image-pull', key: `image-pull/${idOf(pod)}/${name}`, depth: 1, object: podRef(pod) } as const
  const sentence = (says: string): string => `${subject(pod, row)} cannot get image ${image}: ${says}`
  const detail = message === '' ? {} : { detail: oneLine(`${reason}: ${message}`, 700) }
  if (atOnce !== undefined)
    return { ...base, container: name, fatal: 'now', sentence: sentence(atOnce.says), hint: atOnce.hint, ...detail }
  const cause = causeOf(pod, row, reason, message, look)
  const common = { ...base, container: name, sentence: sentence(cause.says), hint: cause.hint, ...detail }
  if (cause.lasting && reason === 'ImagePullBackOff') return { ...common, fatal: 'now' }
  if (cause.lasting) return { ...common, fatal: 'after-grace', grace: look.grace.imagePull }
  if (cause.id === 'rate' || cause.id === 'network') return { ...common, fatal: 'never' }
  return { ...common, fatal: 'after-grace', grace: look.grace.imagePullUnknown }
}

/** Older kubelets name no cause while they back off: then the last event does, or what was seen before. */
function causeOf(pod: Pod, { status }: ContainerRow, reason: string, message: string, look: Look): PullCause {
  const image = status.image ?? ''
  const own = pullCause(`${reason === 'RegistryUnavailable' ? reason : ''} ${message}`, image)
  const memory = (id: string): string => `pull-${id}/${idOf(pod)}/${status.name}`
  if (own.id !== 'unknown') {
    for (const { id } of CAUSES) look.memory.delete(memory(id))
    look.memory.set(memory(own.id), look.now)
    return own
  }
  const event = newestEvent(pod, look, ({ message = '' }) => message.includes('pull image'), status.name)
  const told = pullCause(event?.message ?? '', image)
  if (told.id !== 'unknown') return told
  if (reason === 'ImageInspectError') return INSPECT
  return CAUSES.find(({ id }) => look.memory.has(memory(id))) ?? UNKNOWN
}
