import { describe, expect, it } from 'vitest'
import type { Command } from '../../src/rollout/settings.ts'
import type { JsonMap } from '../../src/shared/objects.ts'
import { canaryOf, running, pausedCanary, V2 } from './given.ts'
import { NAMESPACE, type Ran, type World } from './world.ts'

/** One command by a user who may do what these rules say. */
async function as(world: World, rules: JsonMap[], command: Command): Promise<Ran> {
  const metadata = { name: 'deployer', namespace: NAMESPACE }
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'deployer' }
  const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'deployer' }]
  world.emulator.create({ apiVersion, kind: 'Role', metadata, rules })
  world.emulator.create({ apiVersion, kind: 'RoleBinding', metadata, subjects, roleRef })
  return world.run(command, { ...canaryOf(V2), between: () => world.emulator.transport('deployer') })
}

const READ = { apiGroups: ['', 'apps'], resources: ['*'], verbs: ['get', 'list', 'watch'] }

describe('missing rights are told all at once', () => {
  it.each<[string, JsonMap[], Command, string[]]>([
    ['none at all', [], 'deploy', ['create leases', 'patch deployments', 'watch pods']],
    ['only to read', [READ], 'deploy', ['create leases', 'patch deployments', 'create configmaps']],
    ['none, for a plan', [], 'plan', ['get deployments', 'list pods', 'watch services']],
  ])('%s', async (_, rules, command, wanted) => {
    const world = await running()
    const { result } = await as(world, rules, command)
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'forbidden' } })
    const lines = result?.failure?.evidence?.find(({ title }) => title === 'missing rights')?.lines ?? []
    for (const right of wanted)
      expect(
        lines.some((line) => line.startsWith(right)),
        `${right}: ${lines.join('; ')}`,
      ).toBe(true)
    expect(result?.message).toMatch(/^the credentials lack \d+ rights: /)
    expect(result?.failure?.next).toContain(`Role in namespace ${NAMESPACE}`)
  })

  it('also where nothing can be read of what rests', async () => {
    const world = await pausedCanary()
    const { result } = await as(world, [], 'abort')
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'forbidden' } })
    expect(result?.message).toContain('get configmaps')
    expect(result?.failure?.next).toContain('leases')
  })
})
