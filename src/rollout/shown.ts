import type { RolloutRecord } from './record.ts'
import type { Settings } from './settings.ts'

export type Shown = Pick<
  Settings & RolloutRecord,
  'environment' | 'environmentUrl' | 'transientEnvironment' | 'productionEnvironment' | 'commitStatus'
>

/** Where GitHub shows a rollout: what its record keeps of the settings, and a rollback of the record before. */
export function shownIn(from: Shown): Shown {
  const { environment, environmentUrl, transientEnvironment, productionEnvironment, commitStatus } = from
  return {
    ...(environment === undefined ? {} : { environment }),
    ...(environmentUrl === undefined ? {} : { environmentUrl }),
    ...(transientEnvironment === undefined ? {} : { transientEnvironment }),
    ...(productionEnvironment === undefined ? {} : { productionEnvironment }),
    ...(commitStatus === undefined ? {} : { commitStatus }),
  }
}
