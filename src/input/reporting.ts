import type { Settings } from '../rollout/settings.ts'
import type { Shown } from '../rollout/shown.ts'
import type { Values } from './values.ts'

/** Where and how GitHub is told of the rollout. */
export function reporting(values: Values): Pick<Settings, 'comment' | 'pullRequest'> & Shown {
  const pullRequest = values.number('pull-request')
  return {
    ...environmentOf(values),
    ...(values.flag('commit-status') ? { commitStatus: true } : {}),
    comment: values.choice('comment', ['auto', 'never'], 'auto'),
    ...(pullRequest === undefined ? {} : { pullRequest }),
  }
}

function environmentOf(values: Values): Shown {
  const environment = values.text('environment')
  const environmentUrl = values.checked(
    'environment-url',
    isWebAddress,
    'an address that begins with https:// or http://',
  )
  const transient = values.optionalFlag('transient-environment')
  const production = values.optionalFlag('production-environment')
  return {
    ...(environment === undefined ? {} : { environment }),
    ...(environmentUrl === undefined ? {} : { environmentUrl }),
    ...(transient === undefined ? {} : { transientEnvironment: transient }),
    ...(production === undefined ? {} : { productionEnvironment: production }),
  }
}

function isWebAddress(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text)
}
