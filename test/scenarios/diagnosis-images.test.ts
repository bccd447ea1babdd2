/** Images that cannot be had: each cause is recognised, fatal or waited for by its rule, and told with a next move. */
import { describe, it } from 'vitest'
import { expectFatal, expectWaiting, type FatalRow, type WaitingRow } from './diagnosed.ts'

const pull = (says: string) => ({ imagePull: { says } })
const stuck = (reason: string, message?: string) => ({
  stuck: { reason, ...(message === undefined ? {} : { message }) },
})
const PULL = /^Container app of Pod\/echo-version-\S+ cannot get image gihyodocker\/echo-version:0\.2\.0: /

const IMAGE: [string, FatalRow][] = [
  [
    'no such tag',
    {
      behaviour: pull('gihyodocker/echo-version:0.2.0: not found'),
      code: 'image-pull',
      grace: 0,
      says: /: the registry has no such image$/,
      next: /repository and tag/,
      shows: /ErrImagePull/,
    },
  ],
  [
    'manifest unknown',
    { behaviour: pull('manifest unknown'), code: 'image-pull', grace: 0, says: PULL, next: /the build has pushed it/ },
  ],
  [
    'unauthorized',
    {
      behaviour: pull('401 Unauthorized'),
      code: 'image-pull',
      grace: 0,
      says: /the registry denies it$/,
      next: /imagePullSecrets of the pod or its ServiceAccount/,
    },
  ],
  [
    'denied',
    {
      behaviour: pull('pull access denied, repository does not exist'),
      code: 'image-pull',
      grace: 0,
      says: /denies it$/,
      next: /imagePullSecrets/,
    },
  ],
  [
    'wrong platform',
    {
      behaviour: pull('no match for platform in manifest: not found'),
      code: 'image-pull',
      grace: 0,
      says: /not built for the node's architecture$/,
      next: /architecture/,
    },
  ],
  [
    'unknown certificate',
    {
      behaviour: pull('tls: failed to verify certificate: x509: unknown authority'),
      code: 'image-pull',
      grace: 20_000,
      says: /does not trust the registry$/,
      next: /certificate/,
    },
  ],
  [
    'another reason',
    {
      behaviour: pull('something new'),
      code: 'image-pull',
      grace: 20_000,
      says: /could not pull it$/,
      next: /image, registry and imagePullSecrets/,
    },
  ],
  [
    'InvalidImageName',
    {
      behaviour: { imagePull: 'invalid-name' },
      code: 'image-pull',
      grace: 0,
      says: /that is no image reference$/,
      next: /correct the image/,
    },
  ],
  [
    'ErrImageNeverPull',
    {
      behaviour: stuck('ErrImageNeverPull', 'Container image is not present with pull policy of Never'),
      code: 'image-pull',
      grace: 0,
      says: /imagePullPolicy Never forbids/,
      next: /another imagePullPolicy/,
    },
  ],
  [
    'SignatureValidationFailed',
    {
      behaviour: stuck('SignatureValidationFailed', 'no signature'),
      code: 'image-pull',
      grace: 0,
      says: /signature is not accepted$/,
      next: /sign the image/,
    },
  ],
  [
    'ImageInspectError',
    {
      behaviour: stuck('ImageInspectError', 'failed to inspect image'),
      code: 'image-pull',
      grace: 20_000,
      says: /the node cannot read it$/,
      next: /image store/,
    },
  ],
]

const SLOW: [string, WaitingRow][] = [
  [
    'too many requests',
    {
      behaviour: { imagePull: 'rate-limited' },
      code: 'image-pull',
      after: 0,
      says: /limits how often it may be asked$/,
      next: /wait, pull with an account/,
    },
  ],
  [
    'no such host',
    {
      behaviour: pull('dial tcp: lookup registry.test: no such host'),
      code: 'image-pull',
      after: 0,
      says: /cannot be reached from the node$/,
      next: /node's network/,
    },
  ],
  [
    'RegistryUnavailable',
    {
      behaviour: stuck('RegistryUnavailable', 'RegistryUnavailable'),
      code: 'image-pull',
      after: 0,
      says: /cannot be reached from the node$/,
      next: /registry's name/,
    },
  ],
]

describe('an image', () => {
  it.each(IMAGE)('%s: ends the step', (_, row) => expectFatal(row))
  it.each(SLOW)('%s: may pass, so it is told and waited for', (_, row) => expectWaiting(row))
})
